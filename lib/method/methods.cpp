#include "method/challenge/method.hpp"
#include "method/fwknop/method.hpp"
#include "method/method.hpp"
#include "method/otp/method.hpp"
#include "method/sealed/method.hpp"
#include "method/static/method.hpp"
#include "method/time_sequence/method.hpp"
#include "method/verifier_set.hpp"

#include <algorithm>
#include <stdexcept>

namespace chronoknock::method {

namespace {

/// The first one is that of a key file which names none.
const row table[] = {
    time_sequence::row(), fixed::row(), sealed::row(), fwknop::row(), otp::row(), challenge::row(),
};

/// Indices into s.keys of a method's.
std::vector<std::uint32_t> keys_of(const row& method, const config::server& s) {
    std::vector<std::uint32_t> keys;
    for (std::uint32_t i = 0; i < s.keys.size(); ++i)
        if (s.keys[i].key->method() == method.name) keys.push_back(i);
    return keys;
}

/// What must be captured for a method's keys.
capture_wish wish_of(const row& method, const config::server& s, std::span<const std::uint32_t> keys) {
    packet::wish_sum all;
    capture_wish before;
    for (const auto key : keys) {
        auto one = method.wants(s.keys[key]);
        if (one == before) continue; // thousands of keys have the same ports
        all.add(one);
        before = std::move(one);
    }
    return all.sum();
}

result<const row*> find(std::string_view name) {
    std::string known;
    for (const auto& r : table) {
        if (r.name == name) return &r;
        known += (known.empty() ? "" : ", ") + std::string(r.name);
    }
    return error{"expected " + known};
}

} // namespace

std::span<const row> methods() { return table; }

const row& method_of(const key::credential& k) {
    const auto found = find(k.method());
    if (!found) throw std::logic_error("a key of no method");
    return **found;
}

result<key::credential_ptr> read_key(std::string_view text) {
    const auto sections = parse_ini(text);
    if (!sections) return sections.error();
    if (sections->size() > 1)
        return error{"line " + std::to_string(sections->at(1).line) + ": expected no section in a key file"};
    auto fields = sections->front().fields;
    const row* method = &table[0];
    const auto named = std::ranges::find(fields, "method", &ini_field::name);
    if (named != fields.end()) {
        const auto found = find(named->value);
        if (!found) return error{"line " + std::to_string(named->line) + ": method: " + found.error().text};
        method = *found;
        fields.erase(named);
    }
    return method->read(fields);
}

double security_bits(const config::key_settings& k, const config::server& s) {
    return method_of(*k.key).security_bits(k, s);
}

result<void> check(const config::server& s) {
    for (const auto& r : table)
        if (r.check)
            if (const auto done = r.check(s, keys_of(r, s)); !done)
                return error{"keys of the method " + std::string(r.name) + ": " + done.error().text};
    if (s.log.file.empty()) return {};
    for (const auto& k : s.keys)
        if (const auto& r = method_of(*k.key); r.wants(k).needs_packets())
            return error{"[capture] log: a log tells addresses and ports, and [key." + k.name +
                         "] is of the method " + std::string(r.name) +
                         ", which needs what packets carry; expected [capture] interface instead"};
    return {};
}

capture_wish wants(const config::server& s) {
    packet::wish_sum all;
    for (const auto& r : table) all.add(wish_of(r, s, keys_of(r, s)));
    return all.sum();
}

std::vector<watcher> verifiers(const verifier_settings& common, const verifier_set* before) {
    const auto& s = common.server;
    std::vector<watcher> all;
    std::shared_ptr<tracker> addresses;
    for (const auto& r : table) {
        const auto keys = keys_of(r, s);
        if (keys.empty()) continue;
        auto settings = common;
        settings.keys = keys;
        settings.before = before ? before->of(r.name) : nullptr;
        settings.addresses = addresses;
        all.push_back({r.verify(settings), wish_of(r, s, keys)});
        if (!addresses) addresses = all.back().verifier->addresses();
    }
    return all;
}

} // namespace chronoknock::method

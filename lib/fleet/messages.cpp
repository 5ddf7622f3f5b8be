#include "fleet/messages.hpp"

#include "base/each_of.hpp"
#include "base/text.hpp"
#include "fleet/base64.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <stdexcept>

namespace chronoknock::fleet {

namespace json = boost::json;

namespace {

constexpr std::size_t most_token = 8192;

json::string text_of(std::string_view text) { return json::string(text.data(), text.size()); }
json::string bytes_of(std::string_view bytes) { return text_of(to_base64(bytes)); }
/// 64 bits are text in the JSON of Protocol Buffers.
json::string number_of(std::int64_t n) { return text_of(std::to_string(n)); }

json::object object_of(const range& r) {
    json::object o{{"key", bytes_of(r.name)}};
    if (!r.end.empty()) o["range_end"] = bytes_of(r.end);
    if (r.limit != 0) o["limit"] = number_of(r.limit);
    if (r.revision != 0) o["revision"] = number_of(r.revision);
    if (r.count_only) o["count_only"] = true;
    return o;
}

json::object object_of(const operation& op) {
    return std::visit(
        each_of{[](const put& p) -> json::object {
                    json::object o{{"key", bytes_of(p.name)}, {"value", bytes_of(p.value)}};
                    if (p.lease != 0) o["lease"] = number_of(p.lease);
                    return {{"request_put", std::move(o)}};
                },
                [](const erase& e) -> json::object {
                    json::object o{{"key", bytes_of(e.name)}};
                    if (!e.end.empty()) o["range_end"] = bytes_of(e.end);
                    return {{"request_delete_range", std::move(o)}};
                },
                [](const range& r) -> json::object { return {{"request_range", object_of(r)}}; }},
        op);
}

json::object object_of(const compare& c) {
    const bool created = c.of == compare::field::create_revision;
    return {{"key", bytes_of(c.name)},
            {"result", "EQUAL"},
            {"target", created ? "CREATE" : "MOD"},
            {created ? "create_revision" : "mod_revision", number_of(c.equals)}};
}

template <class All>
json::array array_of(const All& all) {
    json::array a;
    for (const auto& one : all) a.emplace_back(object_of(one));
    return a;
}

/// What throws is no answer of etcd's.
template <class Make>
auto made(std::string_view text, Make make) -> result<decltype(make(std::declval<const json::object&>()))> {
    try {
        std::array<unsigned char, 8192> room; // most answers need no more
        json::monotonic_resource memory(room.data(), room.size());
        const auto value = json::parse({text.data(), text.size()}, &memory);
        return {boost::system::in_place_value, make(value.as_object())};
    } catch (const std::exception&) {
        return error{"the answer is not what etcd is known to give"};
    }
}

const json::object& object_in(const json::object& o, std::string_view name) {
    static const json::object none;
    const auto* const found = o.if_contains(name);
    return found ? found->as_object() : none;
}

const json::array& array_in(const json::object& o, std::string_view name) {
    static const json::array none;
    const auto* const found = o.if_contains(name);
    return found ? found->as_array() : none;
}

std::string_view text_in(const json::object& o, std::string_view name) {
    const auto* const found = o.if_contains(name);
    return found ? std::string_view(found->as_string()) : std::string_view();
}

bool flag_in(const json::object& o, std::string_view name) {
    const auto* const found = o.if_contains(name);
    return found && found->as_bool();
}

std::string bytes_in(const json::object& o, std::string_view name) {
    auto bytes = from_base64(text_in(o, name));
    if (!bytes) throw std::runtime_error("expected base64");
    return std::move(*bytes);
}

template <class Number>
Number number_in(const json::object& o, std::string_view name) {
    const auto* const found = o.if_contains(name);
    if (!found) return 0;
    if (!found->is_string()) return found->to_number<Number>();
    const auto text = std::string(found->get_string());
    std::size_t end = 0;
    Number n = 0;
    if constexpr (std::is_signed_v<Number>)
        n = std::stoll(text, &end);
    else
        n = std::stoull(text, &end);
    if (end != text.size()) throw std::runtime_error("expected a number");
    return n;
}

header header_in(const json::object& o) {
    const auto& h = object_in(o, "header");
    return {number_in<std::uint64_t>(h, "cluster_id"), number_in<std::int64_t>(h, "revision")};
}

entry entry_of(const json::object& o) {
    return {bytes_in(o, "key"), bytes_in(o, "value"), number_in<std::int64_t>(o, "mod_revision")};
}

range_answer range_of(const json::object& o) {
    range_answer a;
    a.head = header_in(o);
    for (const auto& kv : array_in(o, "kvs")) a.entries.push_back(entry_of(kv.as_object()));
    a.more = flag_in(o, "more");
    return a;
}

} // namespace

std::string to_json(const transaction& t) {
    return json::serialize(json::object{{"compare", array_of(t.compares)},
                                        {"success", array_of(t.then)},
                                        {"failure", array_of(t.otherwise)}});
}

std::string to_json(const range& r) { return json::serialize(object_of(r)); }

std::string watch_request(const std::string& name, const std::string& end, std::int64_t revision) {
    return json::serialize(
        json::object{{"create_request", json::object{{"key", bytes_of(name)},
                                                     {"range_end", bytes_of(end)},
                                                     {"start_revision", number_of(revision)}}}});
}

std::string lease_request(std::int64_t seconds) {
    return json::serialize(json::object{{"TTL", number_of(seconds)}});
}

std::string authenticate_request(std::string_view user, std::string_view password) {
    return json::serialize(json::object{{"name", text_of(user)}, {"password", text_of(password)}});
}

result<transaction_answer> parse_transaction_answer(std::string_view text) {
    return made(text, [](const json::object& o) {
        transaction_answer a;
        a.head = header_in(o);
        a.succeeded = flag_in(o, "succeeded");
        for (const auto& one : array_in(o, "responses"))
            if (const auto* const r = one.as_object().if_contains("response_range"))
                a.ranges.push_back(range_of(r->as_object()));
        return a;
    });
}

result<range_answer> parse_range_answer(std::string_view text) { return made(text, range_of); }

std::int64_t watch_answer::told_until() const {
    std::int64_t last = 0;
    for (const auto& e : events) last = std::max(last, e.what.revision);
    return last;
}

result<watch_answer> parse_watch_answer(std::string_view text) {
    return made(text, [](const json::object& whole) {
        watch_answer a;
        if (const auto* const failed = whole.if_contains("error")) {
            a.canceled = true;
            a.reason = printable(text_in(failed->as_object(), "message"));
            return a;
        }
        const auto& o = object_in(whole, "result");
        a.head = header_in(o);
        a.created = flag_in(o, "created");
        a.canceled = flag_in(o, "canceled");
        a.compacted = number_in<std::int64_t>(o, "compact_revision");
        a.reason = printable(text_in(o, "cancel_reason"));
        for (const auto& one : array_in(o, "events")) {
            const auto& e = one.as_object();
            a.events.push_back({text_in(e, "type") == "DELETE", entry_of(object_in(e, "kv"))});
        }
        return a;
    });
}

result<lease_answer> parse_lease_answer(std::string_view text) {
    return made(text, [](const json::object& o) {
        const lease_answer a{number_in<std::int64_t>(o, "ID"), number_in<std::int64_t>(o, "TTL")};
        if (a.id == 0 || a.seconds <= 0) throw std::runtime_error("no lease");
        return a;
    });
}

result<std::string> parse_authenticate_answer(std::string_view text) {
    return made(text, [](const json::object& o) {
        std::string token(text_in(o, "token"));
        // It stands in a header of HTTP later.
        const auto fits = [](char c) { return c > ' ' && c < 0x7f; };
        if (token.empty() || token.size() > most_token || !std::ranges::all_of(token, fits))
            throw std::runtime_error("no token");
        return token;
    });
}

complaint parse_complaint(std::string_view text) {
    complaint c;
    const auto read = made(text, [&](const json::object& o) {
        c.code = static_cast<int>(number_in<std::int64_t>(o, "code"));
        const auto message = text_in(o, "message");
        c.text = printable(message.empty() ? text_in(o, "error") : message);
        return true;
    });
    if (!read) c.text = text.empty() ? "no answer" : printable(text.substr(0, 100));
    return c;
}

} // namespace chronoknock::fleet

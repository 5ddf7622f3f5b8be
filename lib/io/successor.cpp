#include "io/successor.hpp"

#include "base/hash.hpp"
#include "base/zero_pages.hpp"
#include "config/differences.hpp"
#include "io/system/random.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <stdexcept>
#include <utility>

namespace chronoknock::io {

namespace {

void fill_randomly(std::span<std::uint8_t> out) {
    const auto bytes = random_secret(out.size());
    if (!bytes) throw std::runtime_error(bytes.error().text);
    std::ranges::copy(*bytes, out.begin());
}

hash_seed random_seed() {
    hash_seed seed{};
    const auto bytes = random_secret(sizeof seed);
    if (!bytes) throw std::runtime_error(bytes.error().text);
    std::memcpy(seed.data(), bytes->data(), sizeof seed);
    return seed;
}

} // namespace

granting::terms terms_of(const config::server& c) {
    granting::terms t;
    for (const auto& k : c.keys)
        t.keys.push_back({k.name,
                          k.knock_delay,
                          k.key->fingerprint(),
                          {k.services.begin(), k.services.end()},
                          k.until,
                          k.max_grants,
                          k.prefix4,
                          k.prefix6,
                          k.key->heeds_address() && !k.pair && !k.for_others,
                          k.fleet});
    for (const auto& s : c.services)
        t.services.push_back({s.name, s.open_for, s.max_open_for, s.ports, s.uses, s.until_idle});
    t.index();
    return t;
}

std::unique_ptr<method::verifier_set> make_verifiers(config::server& c, record_view record,
                                                     const method::verifier_set* before) {
    const method::verifier_settings common{c,
                                           {},
                                           random_seed(),
                                           std::move(record.known),
                                           fill_randomly,
                                           std::move(record.newest),
                                           std::move(record.is_burnt)};
    auto made = std::make_unique<method::verifier_set>(method::verifiers(common, before));
    for (auto& k : c.keys) k.key->forget_secret(); // the verifiers have what they need of them
    return made;
}

void populate(const method::verifier_set& verifiers) {
    for (const auto& table : verifiers.tables()) (void)chronoknock::populate(table);
}

result<successor> read_successor(const config_reader& reader, record_view record, const config::server& old,
                                 const method::verifier_set* before) {
    auto read = reader();
    if (!read) return read.error();
    successor next;
    next.configuration = std::make_unique<config::server>(std::move(*read));
    auto& c = *next.configuration;
    next.captures_other = c.interfaces != old.interfaces || c.also_for != old.also_for || c.log != old.log ||
                          method::wants(c) != method::wants(old);
    next.verifiers = make_verifiers(c, std::move(record), before);
    populate(*next.verifiers);
    next.terms = terms_of(c);
    next.changes = config::differences(old, c);
    return {boost::system::in_place_value, std::move(next)};
}

} // namespace chronoknock::io

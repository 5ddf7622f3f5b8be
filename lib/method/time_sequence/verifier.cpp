#include "method/time_sequence/verifier.hpp"

#include "base/text.hpp"

namespace chronoknock::time_sequence {

namespace {

/// What a match asks for.
granting::claim claim_of(const match& m, const config::server& server) {
    const auto& settings = server.keys[m.id.key];
    const auto& k = psk_of(settings);
    const bool all = m.id.service == sequence_id::all_services;
    granting::claim c;
    c.key = m.id.key;
    c.source = c.beneficiary = m.who;
    for (const auto service : settings.services)
        if (all || service == m.id.service) c.services.push_back(static_cast<std::uint32_t>(service));
    c.once.key = settings.key->fingerprint();
    c.once.identity =
        (all ? "" : server.services[m.id.service].name) + '\0' + (k.ignore_ip ? "" : m.who.to_string());
    c.once.place = m.t0;
    c.once.slack = k.granularity;
    c.once.reusable = k.ignore_time;
    const unix_time begin{seconds(m.t0)};
    if (!k.ignore_time) c.once.good = {{begin, begin + seconds(2 * k.granularity)}};
    c.first = m.first;
    c.description = "window " + utc(m.t0);
    return c;
}

} // namespace

std::vector<granting::claim> verifier::end_batch(instant now) {
    std::vector<granting::claim> claims;
    for (const auto& m : matcher_.end_batch(now)) claims.push_back(claim_of(m, server_));
    return claims;
}

} // namespace chronoknock::time_sequence

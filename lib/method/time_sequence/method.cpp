#include "method/time_sequence/method.hpp"

#include "base/text.hpp"
#include "key/deriver.hpp"
#include "method/time_sequence/budget.hpp"
#include "method/time_sequence/credential.hpp"
#include "method/time_sequence/generate.hpp"
#include "method/time_sequence/verifier.hpp"

namespace chronoknock::time_sequence {

namespace {

result<key::credential_ptr> read(std::span<const ini_field> fields) {
    auto k = key::parse_psk(fields);
    if (!k) return k.error();
    return key::credential_ptr(std::make_shared<credential>(std::move(*k)));
}

method::capture_wish wants(const config::key_settings& k) { return {.syns = psk_of(k).ports}; }

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& settings) {
    const auto& k = psk_of(settings);
    return {{"sequence", std::to_string(k.length) + " of " + std::to_string(k.ports.size()) + " ports by " +
                             k.function() + (k.realm.empty() ? "" : ", realm " + printable(k.realm))},
            {"", std::string(k.ignore_time ? "the same for ever"
                                           : "another every " + std::to_string(k.granularity) + "s") +
                     (k.ignore_ip ? ", from any address" : ", another for each address")}};
}

result<client::plan> plan(const key::credential& c, const method::knock_request& r) {
    const auto& k = static_cast<const credential&>(c).psk();
    std::vector<std::uint16_t> ports(k.length);
    key::deriver(k).sequence(r.source, key::window_of(r.at, k.granularity), r.service, ports);
    std::vector<client::shot> shots;
    for (const auto port : ports) shots.push_back({packet::kind::syn, port});
    return client::plan{std::move(shots)};
}

} // namespace

method::row row() {
    method::row r{credential::name, read, wants, verify, security_bits, describe, plan};
    r.generate = generate;
    return r;
}

} // namespace chronoknock::time_sequence

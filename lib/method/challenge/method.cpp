#include "method/challenge/method.hpp"

#include "base/text.hpp"
#include "key/deriver.hpp"
#include "method/challenge/key.hpp"
#include "method/challenge/sealer.hpp"
#include "method/challenge/verifier.hpp"
#include "method/guesses.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::challenge {

namespace {

/// Empty datagrams.
method::capture_wish wants(const config::key_settings& k) {
    return {.datagrams = {{psk_of(k).ports, {.least = 0, .most = 0}}}};
}

std::unique_ptr<method::verifier> verify(const method::verifier_settings& s) {
    return std::make_unique<verifier>(s);
}

/// What a stranger has to guess is the response, of which there is one.
double security_bits(const config::key_settings& settings, const config::server& s) {
    const auto& k = psk_of(settings);
    const auto q = std::ceil(65536.0 / k.ports.size()) / 65536;
    return method::bits_against_guesses(k.length, q, settings.mode, s.knock.memory);
}

std::vector<std::pair<std::string, std::string>> describe(const config::key_settings& settings) {
    const auto& k = psk_of(settings);
    return {{"challenge", "request and response of " + std::to_string(k.length) + " of " +
                              std::to_string(k.ports.size()) + " UDP ports each by " + k.function() +
                              (k.realm.empty() ? "" : ", realm " + printable(k.realm))},
            {"", "a request another every " + std::to_string(k.granularity) + "s" +
                     (k.ignore_ip ? ", from any address" : ", another for each address")}};
}

client::plan datagrams_to(std::span<const std::uint16_t> ports) {
    client::plan p;
    for (const auto port : ports) {
        p.shots.push_back({packet::kind::datagram, port});
        p.text += (p.text.empty() ? "" : " ") + std::to_string(port);
    }
    return p;
}

/// The request; with a nonce the response to it, as seen from the address.
result<client::plan> plan(const key::credential& c, const method::knock_request& r) {
    const auto& k = static_cast<const credential&>(c).psk();
    if (!r.nonce.empty()) {
        nonce_bytes nonce;
        if (r.nonce.size() != nonce.size()) return error{"expected a nonce of 16 bytes"};
        std::ranges::copy(r.nonce, nonce.begin());
        return datagrams_to(sealer(k).response(nonce, r.source, r.service));
    }
    std::vector<std::uint16_t> ports(k.length);
    key::deriver(k, request).sequence(r.source, key::window_of(r.at, k.granularity), r.service, ports);
    return datagrams_to(ports);
}

result<client::plan> respond(const key::credential& c, const method::knock_request& r,
                             std::span<const std::uint8_t> answer) {
    const auto& k = static_cast<const credential&>(c).psk();
    sealer seals(k);
    const auto said = seals.open(key::window_of(r.at, k.granularity), answer);
    if (!said) return said.error();
    return datagrams_to(seals.response(said->nonce, said->source, r.service));
}

} // namespace

method::row row() {
    method::row r{credential::name, read_key, wants, verify, security_bits, describe, plan};
    r.generate = generate;
    r.carries.nonce = nonce_bytes().size();
    r.respond = respond;
    return r;
}

} // namespace chronoknock::challenge

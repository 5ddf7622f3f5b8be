#pragma once

#include "key/base64.hpp"
#include "key/digest.hpp"
#include "method/fwknop/key.hpp"
#include "method/fwknop/message.hpp"
#include "method/fwknop/packet.hpp"
#include "method/fwknop/verifier.hpp"
#include "method/method.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace chronoknock::fwknop {

/// Keys of which the n-th has the secrets n, n + 1, n + 2, ...: 32 bytes for the cipher, 64 for the HMAC.
struct lab {
    static constexpr std::int64_t epoch = 1'795'884'717;

    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0},
                           {"web",
                            {*endpoint_range::parse("tcp/8000-8010"), *endpoint_range::parse("udp/443")},
                            seconds(30),
                            0},
                           {"other", {*endpoint_range::parse("tcp/23")}, seconds(30), 0}};
    }

    static std::string base64(std::uint8_t first, std::size_t count) {
        std::vector<std::uint8_t> bytes(count);
        std::iota(bytes.begin(), bytes.end(), first);
        return key::to_base64(bytes);
    }
    static std::string file(std::uint8_t first, std::string_view more = "") {
        return "method = fwknop\nkey_base64 = " + base64(first, 32) +
               "\nhmac_key_base64 = " + base64(first, 64) + "\n" + std::string(more);
    }

    void key(std::uint8_t first, std::string_view more = "", bool for_others = false) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *method::read_key(file(first, more));
        k.services = {0, 1};
        k.for_others = for_others;
        server.keys.push_back(k);
    }

    verifier make(std::function<bool(const address&)> known = [](const address&) { return false; }) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        return verifier({server, keys, {1, 2, 3, 4}, std::move(known)});
    }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }

    message asking(std::string_view ports = "tcp/22") const {
        return {"0123456789012345", "knock", epoch, who, *parse_asked_ports(ports), {}};
    }
    /// A text, sealed with a configured key.
    std::string seal_text(std::string_view text, std::size_t k = 0) const {
        const auto& held = secrets_of(server.keys[k]);
        key::hmac mac(held.hmac_digest, held.hmac);
        const std::array<std::uint8_t, 8> salt = {1, 2, 3, 4, 5, 6, 7, 8};
        return fwknop::seal(held.cipher, mac, salt, text);
    }
    /// Fields with a digest of ours, sealed.
    std::string seal_fields(const std::string& fields, std::size_t k = 0) const {
        std::array<std::uint8_t, 32> hash;
        key::digest("sha256")({reinterpret_cast<const std::uint8_t*>(fields.data()), fields.size()},
                              hash.data());
        return seal_text(fields + ":" + key::to_base64(hash), k);
    }
    packet::event datagram(std::string_view payload, std::uint16_t port = 62201) const {
        return {.source = who,
                .destination = me,
                .kind = packet::kind::datagram,
                .source_port = 40000,
                .port = port,
                .payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}};
    }
    std::vector<granting::claim> send(verifier& v, std::string_view payload, double when = 1,
                                      std::uint16_t port = 62201) const {
        v.observe(datagram(payload, port), at(when));
        return v.end_batch(at(when));
    }
    /// Why what a packet asks for is refused; "granted", "nothing".
    std::string outcome(verifier& v, std::string_view payload) const {
        const auto claims = send(v, payload);
        if (claims.empty()) return "nothing";
        return claims[0].unfit.empty() ? "granted" : claims[0].unfit;
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    address who = *address::parse("10.0.0.1");
    address me = *address::parse("198.51.100.1");
};

} // namespace chronoknock::fwknop

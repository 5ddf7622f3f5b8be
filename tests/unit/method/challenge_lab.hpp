#pragma once

#include "method/challenge/key.hpp"
#include "method/challenge/sealer.hpp"
#include "method/challenge/verifier.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/algorithm/hex.hpp>
#include <boost/test/unit_test.hpp>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::challenge {

using namespace std::chrono_literals;

inline constexpr std::int64_t epoch = 1'700'000'000;
inline constexpr std::string_view secret = "00112233445566778899aabbccddeeff";

inline std::vector<std::uint8_t> bytes_of(std::string_view hex) {
    std::vector<std::uint8_t> bytes;
    boost::algorithm::unhex(hex, std::back_inserter(bytes));
    return bytes;
}

inline std::vector<std::uint16_t> ports_of(const client::plan& p) {
    std::vector<std::uint16_t> ports;
    for (const auto& s : p.shots) {
        BOOST_TEST((s.kind == packet::kind::datagram));
        BOOST_TEST(s.payload.empty());
        ports.push_back(s.port);
    }
    return ports;
}

inline std::string complaint(std::string_view text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

/// A server of two services and a client; a clock that says `epoch` at the instant zero.
struct lab {
    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0},
                           {"web", {*endpoint_range::parse("tcp/80")}, seconds(30), 0}};
        server.knock.tracked = 64;
        add("");
    }

    void add(const std::string& more) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *method::read_key("method = challenge\nlength = 8\nports = 10000-60000\nsecret = " +
                                  std::string(secret) + "\n" + more);
        k.services = {0, 1};
        server.keys.push_back(k);
    }

    method::verifier_settings settings(const method::verifier* before = nullptr) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        return {.server = server,
                .keys = keys,
                .seed = {1, 2, 3, before ? 5u : 4u},
                .known = [](const address&) { return false; },
                .random = [this](std::span<std::uint8_t> out) { std::ranges::fill(out, ++nonces); },
                .newest = [this](const std::string& key) -> std::optional<granting::burnt> {
                    if (burnt.empty() || burnt.back().key != key) return std::nullopt;
                    return burnt.back();
                },
                .is_burnt =
                    [this](const std::string& key, std::int64_t place, const std::string& identity) {
                        return std::ranges::any_of(burnt, [&](const granting::burnt& b) {
                            return b.key == key && b.place == place && b.identity == identity;
                        });
                    },
                .before = before};
    }
    challenge::verifier make() {
        challenge::verifier v(settings());
        tell(v, 0);
        return v;
    }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }
    static void tell(challenge::verifier& v, double s, nanoseconds error = 0ns) {
        v.advance(at(s), {unix_time{seconds(epoch) + at(s).time_since_epoch()}, error}, ~std::size_t{0});
    }

    method::knock_request wish(std::string service = "", std::int64_t t = epoch) const {
        return {.source = who, .at = t, .service = std::move(service)};
    }
    std::vector<std::uint16_t> request(const method::knock_request& r, std::size_t k = 0) const {
        return ports_of(*method::method_of(*server.keys[k].key).plan(*server.keys[k].key, r));
    }
    std::vector<std::uint16_t> response(const method::knock_request& r, const packet::datagram& answer,
                                        std::size_t k = 0) const {
        return ports_of(
            *method::method_of(*server.keys[k].key).respond(*server.keys[k].key, r, answer.payload));
    }

    struct seen {
        std::vector<granting::claim> claims;
        std::vector<packet::datagram> answers;
    };
    /// Sends datagrams, a batch for each.
    seen send(challenge::verifier& v, std::span<const std::uint16_t> ports, double s, const address& from,
              std::uint16_t source_port = 40000) {
        seen all;
        for (const auto port : ports) {
            tell(v, s);
            v.observe({from, me, packet::kind::datagram, source_port, port, 0, {}}, at(s));
            for (auto& c : v.end_batch(at(s))) all.claims.push_back(std::move(c));
            for (auto& a : v.take_answers()) all.answers.push_back(std::move(a));
            s += 0.001;
        }
        return all;
    }
    seen send(challenge::verifier& v, const std::vector<std::uint16_t>& ports, double s) {
        return send(v, ports, s, who);
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    address who = *address::parse("192.0.2.1");
    address elsewhere = *address::parse("192.0.2.2");
    address me = *address::parse("198.51.100.1");
    std::uint8_t nonces = 0;
    std::vector<granting::burnt> burnt; ///< of the record: the newest last
};

} // namespace chronoknock::challenge

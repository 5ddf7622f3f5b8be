#pragma once

#include "method/method.hpp"
#include "method/sealed/key.hpp"
#include "method/sealed/request.hpp"
#include "method/sealed/verifier.hpp"
#include "packet/dns.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::sealed {

inline constexpr std::string_view all_carriers =
    "carrier = ports, udp, icmp, dns\nports = 20000-20003\nzone = Knock.example.\n";

/// A server with keys of this method, and a clock that says 1,700,000,000 s at the instant zero.
struct lab {
    static constexpr std::int64_t epoch = 1'700'000'000; // a multiple of 10

    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0},
                           {"web", {*endpoint_range::parse("tcp/80")}, seconds(30), 0},
                           {"mail", {*endpoint_range::parse("tcp/25")}, seconds(30), 0}};
        server.knock.tracked = 64;
    }

    static key::credential_ptr read(std::string_view fields, int secret = 1) {
        const auto text = "method = sealed\nsecret = " + std::string(30, 'a') + std::to_string(10 + secret) +
                          "\n" + std::string(fields);
        auto k = method::read_key(text);
        BOOST_REQUIRE_MESSAGE(k.has_value(), (k ? std::string() : k.error().text));
        return *k;
    }
    config::key_settings& key(std::string_view fields = all_carriers) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = read(fields, static_cast<int>(server.keys.size()));
        k.services = {0, 1};
        server.keys.push_back(k);
        return server.keys.back();
    }
    const credential& of(std::size_t k) const { return credential_of(server.keys[k]); }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }
    static unix_time clock(instant now) { return unix_time{seconds(epoch) + now.time_since_epoch()}; }

    verifier make(
        std::function<bool(const address&)> known = [](const address&) { return false; },
        const verifier* before = nullptr) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        return verifier(
            {.server = server,
             .keys = keys,
             .seed = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93},
             .known = std::move(known),
             .before = before});
    }
    void advance(verifier& v, double s) { v.advance(at(s), {clock(at(s)), nanoseconds(0)}, ~std::size_t{0}); }

    /// Nothing has been used of any ration.
    void begin(verifier& v, double s) {
        advance(v, s);
        v.end_batch(at(s));
    }

    request asks(double s, std::string_view service = "") const {
        request r;
        r.who = who;
        r.time = to_seconds(clock(at(s)));
        r.service = mark_of(service);
        return r;
    }
    message seal(const request& r, std::size_t k = 0) const { return *sealer(of(k).psk()).seal(r); }

    packet::event datagram(std::span<const std::uint8_t> payload, std::uint16_t port = 20000) {
        asked_name = port == packet::dns_port ? packet::dns_question(payload) : std::nullopt;
        return {who,
                me,
                packet::kind::datagram,
                40000,
                port,
                0,
                payload,
                asked_name ? asked_name->view() : std::string_view{}};
    }
    packet::event echo(std::span<const std::uint8_t> payload) const {
        return {who, me, packet::kind::echo, 0, 0, 0, payload};
    }
    packet::event syn(std::uint16_t port) {
        return {who, me, packet::kind::syn, 40000, port, ++sequence, {}};
    }

    std::vector<granting::claim> see(verifier& v, const packet::event& e, double s) {
        advance(v, s);
        v.observe(e, at(s));
        return v.end_batch(at(s));
    }
    std::vector<granting::claim> see_syns(verifier& v, std::span<const std::uint16_t> ports, double s,
                                          bool together = false) {
        advance(v, s);
        std::vector<granting::claim> all;
        for (const auto port : ports) {
            v.observe(syn(port), at(s));
            if (together) continue;
            for (auto& c : v.end_batch(at(s))) all.push_back(std::move(c));
            s += 1e-4;
        }
        for (auto& c : v.end_batch(at(s))) all.push_back(std::move(c));
        return all;
    }
    std::uint64_t counted(const verifier& v, std::string_view name) const {
        for (const auto& [counted, number] : v.count())
            if (counted == name) return number;
        return 0;
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    address who = *address::parse("192.0.2.1");
    address me = *address::parse("198.51.100.1");
    std::uint32_t sequence = 0;
    std::optional<packet::dns_name> asked_name; ///< by the last datagram(): an event points into it
};

/// The ports of a message by the carrier ports, of the server's k-th key.
inline std::vector<std::uint16_t> ports(const lab& l, const message& m, std::size_t k = 0) {
    return ports_of(m, l.of(k).settings().layout);
}

} // namespace chronoknock::sealed

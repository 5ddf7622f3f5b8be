#pragma once

#include "method/time_sequence/credential.hpp"
#include "method/time_sequence/matcher.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>

namespace chronoknock::time_sequence {

/// A server configuration of one service and one key, to be changed by each test, and a clock that says
/// 1,700,000,000 s at the instant zero.
struct lab {
    static constexpr std::int64_t epoch = 1'700'000'000; // a multiple of 10

    lab() {
        server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0}};
        server.keys = {key("alice", 1)};
        server.knock.tracked = 64;
    }

    static config::key_settings key(const std::string& name, std::uint8_t secret) {
        config::key_settings k;
        k.name = name;
        key::psk psk;
        psk.secret.assign(64, secret);
        k.key = std::make_shared<credential>(std::move(psk));
        k.services = {0};
        return k;
    }

    key::psk& psk(std::size_t k) { return static_cast<credential&>(*server.keys[k].key).psk(); }
    const key::psk& psk(std::size_t k) const { return psk_of(server.keys[k]); }
    void strict() {
        for (auto& k : server.keys) k.mode = config::matching::strict;
    }

    static instant at(double s) { return instant{nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }
    static unix_time clock(instant now) { return unix_time{seconds(epoch) + now.time_since_epoch()}; }
    static address ip(std::uint32_t n) {
        const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(n >> 16),
                                       static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        return address::v4(bytes);
    }

    static packet::event syn(const address& source, std::uint16_t source_port, std::uint16_t port,
                             std::uint32_t sequence) {
        return {.source = source, .source_port = source_port, .port = port, .sequence = sequence};
    }

    std::vector<std::uint16_t> sequence(std::size_t k, const address& who, std::int64_t t0,
                                        std::string_view service = "") const {
        std::vector<std::uint16_t> ports(psk(k).length);
        key::deriver(psk(k)).sequence(who, t0, service, ports);
        return ports;
    }

    matcher make(std::function<bool(const address&)> known = [](const address&) { return false; }) const {
        std::vector<std::uint32_t> all(server.keys.size());
        std::iota(all.begin(), all.end(), 0u);
        matcher m(server, all, {1, 2, 3, 4}, known);
        m.advance(at(0), {clock(at(0)), nanoseconds(0)}, ~std::size_t{0});
        return m;
    }

    void send(matcher& m, const address& who, std::span<const std::uint16_t> ports, instant now) {
        for (const auto port : ports) m.observe(syn(who, 40000, port, ++tcp_sequence), now);
    }
    /// All in one batch.
    std::vector<match> knock(matcher& m, const address& who, std::span<const std::uint16_t> ports,
                             instant now) {
        m.advance(now, {clock(now), nanoseconds(0)}, ~std::size_t{0});
        send(m, who, ports, now);
        return m.end_batch(now);
    }

    config::server server;
    std::uint32_t tcp_sequence = 0;
};

} // namespace chronoknock::time_sequence

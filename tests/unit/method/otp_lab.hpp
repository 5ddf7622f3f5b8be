#pragma once

#include "grant/replay_guard.hpp"
#include "key/otp.hpp"
#include "method/method.hpp"
#include "method/otp/key.hpp"
#include "method/otp/verifier.hpp"
#include "packet/dns.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace chronoknock::otp {

using namespace std::chrono_literals;

inline constexpr std::int64_t issued = 1'700'000'000;
inline constexpr std::string_view passphrase = "This is a test.";

inline key::otp_value password(std::uint32_t count, key::otp_function f = key::otp_function::sha1) {
    return key::otp_hash(f).password("TeSt", passphrase, count);
}

inline std::string server_file(std::uint32_t count, const std::string& more = "",
                               key::otp_function f = key::otp_function::sha1) {
    return "method = otp\nfunction = " + std::string(to_string(f)) +
           "\nseed = TeSt\nverifier = " + std::to_string(count) + ":" + key::otp_hex(password(count, f)) +
           "\nissued = " + std::to_string(issued) + "\n" + more;
}

inline std::string client_file(std::uint32_t count, const std::string& more = "") {
    return "method = otp\nseed = TeSt\npassphrase = " + std::string(passphrase) +
           "\ncount = " + std::to_string(count) + "\n" + more;
}

inline std::string complaint(const std::string& text) {
    const auto k = method::read_key(text);
    return k ? "accepted" : k.error().text;
}

/// A server, its record, and passwords sent to it.
struct lab {
    lab() { server.services = {{"ssh", {*endpoint_range::parse("tcp/22")}, seconds(30), 0}}; }

    void key(const std::string& text) {
        config::key_settings k;
        k.name = "k" + std::to_string(server.keys.size());
        k.key = *method::read_key(text);
        k.services = {0};
        server.keys.push_back(k);
    }
    otp::verifier make(const method::verifier* before = nullptr) {
        keys.resize(server.keys.size());
        std::iota(keys.begin(), keys.end(), 0u);
        method::verifier_settings s{server, keys, {1, 2, 3, 4}, [this](const address&) { return known; }};
        s.newest = [this](const std::string& key) { return guard.newest(key); };
        s.before = before;
        return otp::verifier(s);
    }

    bool known = false; ///< `who` opened a door before

    std::vector<granting::claim> send(otp::verifier& v, std::string_view text, std::uint16_t port = 40000) {
        v.observe({who,
                   me,
                   packet::kind::datagram,
                   5353,
                   port,
                   0,
                   {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}},
                  now);
        return v.end_batch(now);
    }
    std::vector<granting::claim> ask(otp::verifier& v, std::string_view name) {
        const auto question = packet::make_dns_question(name, 7);
        const auto asked = packet::dns_question(question);
        v.observe({who, me, packet::kind::datagram, 5353, 53, 0, question, asked->view()}, now);
        return v.end_batch(now);
    }

    granting::judgement judge(const granting::claim& c) {
        return guard.judge({c.once, c.beneficiary, 0s, clock, {clock, 0s}});
    }
    /// Sends a password; what becomes of it if it opens.
    std::string knock(otp::verifier& v, std::uint32_t count, bool opens = true) {
        const auto claims = send(v, key::otp_words(password(count)));
        if (claims.empty()) return "none";
        const auto verdict = judge(claims.front());
        const auto b = granting::replay_guard::burnt_of(claims.front().once, who, clock);
        if (verdict != granting::judgement::accepted) return std::string(to_string(verdict));
        record.push_back(b);
        if (opens)
            guard.opened(b);
        else
            guard.failed(b);
        clock += 20s; // no later round
        return opens ? "opened" : "failed";
    }

    config::server server;
    std::vector<std::uint32_t> keys;
    unix_time clock{seconds(issued + 100)};
    granting::replay_guard guard{{}, unix_time{}};
    std::vector<granting::burnt> record;
    address who = *address::parse("192.0.2.1");
    address me = *address::parse("198.51.100.1");
    instant now{1s};
};

} // namespace chronoknock::otp

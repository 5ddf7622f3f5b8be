#pragma once

#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

namespace chronoknock::granting {

using namespace std::chrono_literals;

inline constexpr std::int64_t epoch = 1'700'000'000;
inline const auto here = *address::parse("192.0.2.1");
inline const auto there = *address::parse("192.0.2.2");

inline unix_time clock_at(nanoseconds since) { return unix_time{seconds(epoch)} + since; }
inline instant at(nanoseconds since) { return instant{since}; }

inline const std::vector<opening> both{{here, "ssh", 30s}, {here, "web", 60s}};

/// What happens to a pipeline whose answers come when the test says so.
struct world {
    granting::pipeline line{replay_guard({}, {}),
                            {{{"alice", 0s}, {"bob", 30s}}, {{"ssh", 30s, 1h}, {"web", 60s, 60s}}}};
    nanoseconds now{0};

    claim of(std::uint32_t key, std::int64_t t0, address who = here) const {
        claim c{};
        c.key = key;
        c.source = c.beneficiary = who;
        c.services = {0, 1};
        const unix_time begin{seconds(epoch + t0)};
        c.once = {key == 0 ? "a" : "b", epoch + t0, 10, 0, who.to_string(), false, {{begin, begin + 20s}}};
        c.first = at(now);
        c.description = "window " + std::to_string(t0);
        return c;
    }
    burnt burnt_of(const claim& c) const {
        return replay_guard::burnt_of(c.once, c.beneficiary, clock_at(now));
    }

    /// What the store is asked for claims that are judged now.
    redeem asked_for(std::uint64_t batch, const std::vector<claim>& claims) const {
        redeem r{batch, {}};
        for (const auto& c : claims) {
            r.tokens.push_back(burnt_of(c));
            const std::string key = c.key == 0 ? "alice" : "bob";
            r.grants.push_back({key, "", c.beneficiary, "ssh", clock_at(now), clock_at(now) + 30s});
            r.grants.push_back({key, "", c.beneficiary, "web", clock_at(now), clock_at(now) + 60s});
        }
        return r;
    }

    actions judge(const std::vector<claim>& claims) {
        return line.judge(claims, at(now), {clock_at(now), 0s});
    }
    actions redeemed(std::uint64_t n, const result<void>& done) { return line.redeemed(n, done, at(now)); }
    actions carried_out(std::uint64_t n, const result<void>& done) {
        return line.carried_out(n, done, at(now));
    }
    /// The whole way of a claim that opens.
    void open(const claim& c, const std::vector<opening>& asked = both) {
        judge({c});
        BOOST_TEST((redeemed(number, {}) == actions{open_services{number + 1, asked}}));
        carried_out(number + 1, {});
        number += 2;
    }
    std::uint64_t number = 1;
};

inline const std::string opens = "key alice opens ssh for 30s, web for 60s to 192.0.2.1, window 0";
inline const result<void> fine;
inline const result<void> full = error{"disk full"};

inline note noted(history_entry::kind kind, const claim& c, const std::string& why = "") {
    return {{clock_at(0s), kind, c.key == 0 ? "alice" : "bob", c.beneficiary, "ssh, web", why}};
}

} // namespace chronoknock::granting

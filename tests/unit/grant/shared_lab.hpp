#pragma once

#include "grant/pipeline.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

/// A pipeline with keys of a fleet.
namespace shared_lab {

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;
using kind = shared_outcome::kind;

inline constexpr std::int64_t epoch = 1'700'000'000;
inline const auto here = *address::parse("192.0.2.1"), there = *address::parse("192.0.2.2");

inline terms known(bool shared = true, std::optional<unix_time> until = {}) {
    terms t{{{"alice", 0s, "a", {0, 1}}, {"bob", 0s, "b", {0}}}, {{"web", 30s, 1min}, {"ssh", 30s, 30s}}};
    t.keys[0].shared = shared;
    t.keys[0].until = until;
    return t;
}

struct world {
    explicit world(terms t = known()) : line(replay_guard({}, {}), std::move(t)) {}

    unix_time clock() const { return unix_time{seconds(epoch)} + now.time_since_epoch(); }
    claim knock(const std::string& identity, claim::wish wish = claim::wish::open) {
        claim c{};
        c.source = c.beneficiary = here;
        c.services = {0};
        c.what = wish;
        c.once = {"a", epoch, 10, 0, identity, false, {}};
        c.first = now;
        c.description = "window 0";
        return c;
    }
    redeem judged(const std::string& identity) {
        const auto todo = line.judge(std::vector{knock(identity)}, now, {clock(), 0s});
        BOOST_REQUIRE(todo.size() == 1u);
        return std::get<redeem>(todo[0]);
    }
    void opened(const std::string& identity) {
        const auto r = judged(identity);
        const auto asked = line.shared_redeemed(r.batch, {kind::burnt, ""}, now);
        line.carried_out(std::get<open_services>(asked.at(0)).knock, {}, now);
    }
    shared_grant from(const std::string& host, const std::string& identity,
                      const std::string& service = "web") const {
        return {"a", "alice", here, service, epoch, identity, clock(), clock() + 30s, host};
    }
    /// What is opened because of it.
    std::vector<opening> shared(const shared_changes& c) {
        std::vector<opening> all;
        auto s = line.share(c, now, clock());
        ends = std::move(s.ends);
        over = std::move(s.over);
        for (std::size_t i = 0; i < s.todo.size(); ++i) {
            const auto todo = s.todo[i];
            if (const auto* const r = std::get_if<redeem>(&todo)) {
                written.insert(written.end(), r->tokens.begin(), r->tokens.end());
                std::ranges::copy(line.redeemed(r->batch, {}, now), std::back_inserter(s.todo));
            } else if (const auto* const o = std::get_if<open_services>(&todo)) {
                all.insert(all.end(), o->what.begin(), o->what.end());
                line.carried_out(o->knock, opens ? result<void>() : error{"no room"}, now);
            }
        }
        return all;
    }
    bool holds(const std::string& service = "web") const { return !line.keys_of(here, service, now).empty(); }

    pipeline line;
    instant now{};
    pipeline::revoking ends{};
    std::vector<opened_grant> over;
    std::vector<burnt> written;
    bool opens = true;
};

inline std::vector<tell> lines_of(const actions& todo) {
    std::vector<tell> all;
    for (const auto& a : todo)
        if (const auto* const t = std::get_if<tell>(&a)) all.push_back(*t);
    return all;
}

} // namespace shared_lab

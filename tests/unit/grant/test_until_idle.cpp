// Grants that live until their last connection has ended: prolonged in steps, ended once, by nobody else's
// doing.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;
using firewall::change;
using firewall::flow;

namespace {

const auto ssh_port = endpoint_range::parse("tcp/22").value(),
           web_port = endpoint_range::parse("tcp/80").value();

/// Ssh is until idle, web is not.
terms with_idle(bool until_idle = true) {
    return {{{"alice", 0s, "a", {0, 1}}, {"bob", 0s, "b", {0, 1}}},
            {{"ssh", 30s, 1h, {ssh_port}, 0, until_idle}, {"web", 60s, 60s, {web_port}}}};
}

flow to_ssh(const address& who, std::uint16_t peer_port = 50000) {
    return {transport::tcp, who, peer_port, 22};
}

struct idle_world : world {
    idle_world() { line.set_terms(with_idle()); }

    /// A second later, with these connections as of then.
    pipeline::keeping second(const std::vector<flow>& live) {
        now += 1s;
        return line.heed(live, at(now), at(now), clock_at(now));
    }
    /// The same, and whatever it asks for is made. Gives the changes.
    std::vector<change> passes(const std::vector<flow>& live) {
        const auto k = second(live);
        auto changes = k.ends.changes;
        changes.insert(changes.end(), k.prolongs.changes.begin(), k.prolongs.changes.end());
        if (k.ends.number != 0) ended = line.revoked(k.ends.number, fine, at(now));
        if (k.prolongs.number != 0) line.prolonged(k.prolongs.number, fine, at(now));
        number += (k.ends.number != 0) + (k.prolongs.number != 0);
        return changes;
    }
    bool held(const address& who = here) const { return !line.keys_of(who, "ssh", at(now)).empty(); }
    actions ended;
};

const std::vector<change> nothing, prolonged{{here, "ssh", 120s}}, over{{here, "ssh", {}}};

} // namespace

BOOST_AUTO_TEST_SUITE(until_idle)

BOOST_AUTO_TEST_CASE(it_lives_with_its_connection_and_ends_with_it) {
    idle_world w;
    BOOST_TEST(!w.line.asks_for_flows());
    w.open(w.of(0, 0));
    BOOST_TEST(w.line.asks_for_flows());
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged)); // 29 s were left
    for (int i = 0; i < 59; ++i) BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    BOOST_TEST((w.passes({to_ssh(here)}) == nothing)); // a minute is left
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged));
    for (int i = 0; i < 3600; ++i) w.passes({to_ssh(here)});
    BOOST_TEST(w.held());
    // Two rounds without one, since one may have come while the other went.
    BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST((w.passes({to_ssh(here, 50001)}) == nothing));
    BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST((w.passes({}) == over));
    BOOST_TEST((w.ended == actions{tell{severity::info, "1 grant ended: the last connection has ended"},
                                   note{{clock_at(w.now), history_entry::kind::expired, "alice", here, "ssh",
                                         "the last connection has ended"}}}));
    BOOST_TEST(!w.held());
    BOOST_TEST(!w.line.asks_for_flows());
    BOOST_TEST((w.passes({to_ssh(here)}) == nothing)); // what comes by another way prolongs nothing
    w.now += 1h;
    for (const auto& a : w.line.due(at(w.now))) // that it is over has been said; web's time is
        BOOST_TEST(std::get<note>(a).entry.services == "web");
}

BOOST_AUTO_TEST_CASE(who_does_not_come_in_has_only_his_time) {
    idle_world w;
    w.open(w.of(0, 0));
    for (int i = 0; i < 29; ++i)
        BOOST_TEST((w.passes({to_ssh(there), {transport::tcp, here, 5, 80}}) == nothing));
    BOOST_TEST(w.held());
    w.now = 35s;
    BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST(!w.held());
    BOOST_TEST(!w.line.asks_for_flows());
    const auto said = w.line.due(at(36s));
    BOOST_REQUIRE(said.size() == 1u);
    BOOST_TEST(
        (said[0] == action{note{{clock_at(30s), history_entry::kind::expired, "alice", here, "ssh", ""}}}));
}

BOOST_AUTO_TEST_CASE(who_comes_in_at_the_last_moment_has_come_in) {
    idle_world w;
    w.open(w.of(0, 0));
    w.now = 32s; // it has ended, and what lives is only known now
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged));
    w.now = 100s;
    BOOST_TEST(w.held());
    BOOST_TEST(w.line.due(at(100s)).size() == 1u); // web's
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_there_before_is_no_coming_in) {
    idle_world w;
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    w.now = 5s;
    w.open(w.of(0, 5)); // a knock while the last connection ends
    w.line.heed(std::vector{to_ssh(here)}, at(4s), at(5s), clock_at(5s)); // as of before
    for (int i = 0; i < 20; ++i) BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST(w.held());
}

BOOST_AUTO_TEST_CASE(the_same_news_twice_ends_nothing) {
    idle_world w;
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    for (int i = 0; i < 100; ++i) {
        const auto k = w.line.heed({}, at(2s), at(w.now += 1s), clock_at(w.now)); // the table is gone, say
        BOOST_TEST(k.ends.number == 0u);
    }
    BOOST_TEST((w.passes({}) == over));
}

BOOST_AUTO_TEST_CASE(revoked_or_closed_it_is_not_prolonged) {
    for (const bool closed : {false, true}) {
        idle_world w;
        w.open(w.of(0, 0));
        w.passes({to_ssh(here)});
        if (closed) {
            auto c = w.of(0, 1);
            c.what = claim::wish::close;
            w.judge({c});
            w.redeemed(w.number, fine);
            BOOST_TEST((w.passes({to_ssh(here)}) == nothing)); // while it is being closed
            w.carried_out(w.number + 1, fine);
        } else {
            w.now = 70s;
            const auto r = w.line.revoke({"alice", {}, "why"}, {}, at(w.now), clock_at(w.now));
            BOOST_TEST((w.passes({to_ssh(here)}) == nothing)); // it would be open again
            w.line.revoked(r.number, fine, at(w.now));
        }
        BOOST_TEST(!w.line.asks_for_flows());
        BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    }
}

BOOST_AUTO_TEST_CASE(one_that_could_not_be_revoked_lives_on) {
    idle_world w;
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    w.now = 70s;
    const auto r = w.line.revoke({"alice", {}, "why"}, {}, at(w.now), clock_at(w.now));
    w.line.revoked(r.number, full, at(w.now));
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged));
}

BOOST_AUTO_TEST_CASE(it_ends_for_all_keys_that_hold_it) {
    idle_world w;
    w.open(w.of(0, 0));
    w.open(w.of(1, 0));
    w.passes({to_ssh(here)});
    BOOST_TEST(w.line.keys_of(here, "ssh", at(100s)).size() == 2u); // it is prolonged for both
    auto c = w.of(0, 1);
    c.what = claim::wish::close;
    w.judge({c});
    // What bob has of it is what the kernel has.
    BOOST_TEST((w.redeemed(w.number, fine) ==
                actions{close_services{w.number + 1, {{here, "ssh", 120s}, {here, "web", 59s}}}}));
    w.carried_out(w.number + 1, fine);
    w.passes({});
    BOOST_TEST((w.passes({}) == over));
    BOOST_TEST(std::get<note>(w.ended.at(1)).entry.key == "bob");
    BOOST_TEST(w.ended.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_knock_on_its_way_is_not_cut_off) {
    idle_world w;
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    w.passes({});
    w.judge({w.of(0, 2)});
    BOOST_TEST((w.passes({}) == nothing));
    w.redeemed(w.number, fine);
    BOOST_TEST((w.passes({}) == nothing));
    w.carried_out(w.number + 1, fine);
    for (int i = 0; i < 20; ++i) BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST(w.held());
}

BOOST_AUTO_TEST_CASE(while_a_knock_is_on_its_way_nothing_is_prolonged) {
    idle_world w;
    w.open(w.of(0, 0));
    w.now = 2s;
    w.judge({w.of(0, 2)}); // it may open for longer
    BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    w.redeemed(w.number, fine);
    BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    w.carried_out(w.number + 1, fine);
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged));
}

BOOST_AUTO_TEST_CASE(a_firewall_that_fails_is_asked_again) {
    idle_world w;
    w.open(w.of(0, 0));
    const auto k = w.second({to_ssh(here)});
    BOOST_TEST((w.line.prolonged(k.prolongs.number, full, at(w.now)) ==
                actions{tell{severity::error, "1 grant not prolonged: disk full"}}));
    for (int i = 0; i < 9; ++i) BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    BOOST_TEST((w.passes({to_ssh(here)}) == prolonged));
    w.passes({});
    const auto e = w.second({});
    BOOST_TEST((e.ends.changes == over));
    w.line.revoked(e.ends.number, full, at(w.now));
    BOOST_TEST(w.held());
    for (int i = 0; i < 9; ++i) BOOST_TEST((w.passes({}) == nothing));
    BOOST_TEST((w.passes({}) == over));
}

BOOST_AUTO_TEST_CASE(one_of_an_earlier_process_goes_on) {
    idle_world w;
    w.judge({w.of(0, 0)});
    const std::vector<opened_grant> record{{"alice", "a", here, "ssh", clock_at(-1h), unix_time::max()},
                                           {"alice", "a", there, "ssh", clock_at(-1h), unix_time::max()}};
    const std::vector<firewall::live_grant> open{{here, "ssh", 50s}};
    idle_world next;
    const auto found = next.line.remember(record, open, at(0s)); // whatever time it is
    BOOST_TEST((found.over == std::vector{record[1]}));
    BOOST_TEST(found.unexplained == 0u);
    BOOST_TEST(next.held());
    BOOST_TEST(next.line.asks_for_flows());
    BOOST_TEST((next.passes({to_ssh(here)}) == prolonged));
    next.passes({});
    BOOST_TEST((next.passes({}) == over));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_good_no_more_prolongs_nothing) {
    idle_world w;
    auto t = with_idle();
    t.keys[0].until = clock_at(100s);
    w.line.set_terms(t);
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    while (w.now < 99s) w.passes({to_ssh(here)});
    std::size_t changes = 0;
    while (w.now < 200s) changes += w.passes({to_ssh(here)}).size();
    BOOST_TEST(changes == 0u);
    BOOST_TEST(!w.held()); // the kernel has ended it
    BOOST_TEST(!w.line.asks_for_flows());
}

BOOST_AUTO_TEST_CASE(nothing_is_remembered_of_what_is_over_where_flows_are_not_known) {
    idle_world w;
    w.open(w.of(0, 0));
    w.line.heed_nothing(at(34s));
    BOOST_TEST(w.line.asks_for_flows());
    w.line.heed_nothing(at(35s));
    BOOST_TEST(!w.line.asks_for_flows());
}

BOOST_AUTO_TEST_CASE(one_of_an_earlier_process_whose_service_is_so_no_more_has_its_time) {
    const std::vector<opened_grant> record{{"alice", "a", here, "ssh", clock_at(-1h), unix_time::max()}};
    const std::vector<firewall::live_grant> open{{here, "ssh", 50s}};
    for (const auto t : {clock_at(0s), unix_time{}}) { // also by a clock that was never set
        idle_world w;
        w.line.set_terms(with_idle(false));
        w.line.remember(record, open, at(1h));
        w.line.judge({}, at(1h), {t, 0s});
        BOOST_TEST((w.line.keys_of(here, "ssh", at(1h + 49s)) == std::vector<std::string>{"alice"}));
        BOOST_TEST(w.line.keys_of(here, "ssh", at(1h + 50s)).empty());
    }
}

BOOST_AUTO_TEST_CASE(the_record_says_that_its_end_is_not_known) {
    idle_world w;
    const auto asked = w.judge({w.of(0, 0)});
    const auto& grants = std::get<redeem>(asked.at(0)).grants;
    BOOST_TEST((grants.at(0).until == unix_time::max()));
    BOOST_TEST((grants.at(1).until == clock_at(60s)));
}

BOOST_AUTO_TEST_CASE(a_service_that_is_so_no_more_has_its_time) {
    idle_world w;
    w.open(w.of(0, 0));
    w.passes({to_ssh(here)});
    w.line.set_terms(with_idle(false));
    BOOST_TEST(!w.line.asks_for_flows());
    BOOST_TEST(!w.line.wants(to_ssh(here)));
    BOOST_TEST((w.passes({to_ssh(here)}) == nothing));
    BOOST_TEST(w.held()); // as long as the kernel has it
}

BOOST_AUTO_TEST_SUITE_END()

// What happens to the clocks, the network and the names, and what the synchroniser makes of it.
#include "lab.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

BOOST_AUTO_TEST_SUITE(time_synchroniser_events)

BOOST_AUTO_TEST_CASE(a_leap_second_widens_the_bound_until_asked_again) {
    lab l;
    l.now = instant(29 * 24h + 23h + 30min); // 2026-05-30 23:30, a day before the month ends
    l.announced = leap::insert;
    l.begin();
    l.run(24h + 29min);
    BOOST_TEST(l.said("leap second") == 0);
    l.announced = leap::none;
    for (std::size_t i = 0; i < 3; ++i) l.silent[i] = true;
    l.run(2min);
    BOOST_TEST(l.said("leap second") == 1);
    BOOST_TEST((l.sync->now(l.now)->error >= 1s));
    // They come back, and it was inserted: Unix time is a second less.
    for (std::size_t i = 0; i < 3; ++i) l.silent[i] = false, l.lies[i] = -1s;
    l.run(20min);
    const auto t = *l.sync->now(l.now);
    BOOST_TEST((std::chrono::abs(t.t + 1s - l.truth()) <= t.error));
    BOOST_TEST((t.error < 200ms));
    BOOST_TEST(l.said("leap second") == 1);
}

BOOST_AUTO_TEST_CASE(the_leap_second_stays_possible_until_an_answer_from_beyond_it) {
    for (const nanoseconds leap : {-1s, 1s, 0s}) {
        lab l;
        const auto midnight = unix_time(std::chrono::sys_days(std::chrono::year(2026) / 6 / 1));
        l.now = instant(midnight - boot_moment - 2h);
        l.announced = leap::insert;
        l.begin();
        l.run(2h - 2s);
        BOOST_TEST((l.sync->now(l.now)->error < 200ms));
        l.lie_after = leap;
        l.lie_from = midnight - (leap > 0s ? 1s : 0s); // a second left out comes to its end a second sooner
        bool wide = false;
        for (int i = 0; i < 6000; ++i) {
            l.run(10ms);
            const auto t = l.sync->now(l.now);
            const auto truth = l.truth() + (l.truth() >= l.lie_from ? leap : 0s);
            BOOST_REQUIRE(t.has_value());
            BOOST_REQUIRE((std::chrono::abs(t->t - truth) <= t->error));
            wide = wide || t->error >= 1s;
        }
        BOOST_TEST(wide);
        BOOST_TEST((l.sync->now(l.now)->error < 200ms));
        BOOST_TEST(l.said("leap second") == 1);
        BOOST_TEST(l.said("corrected") + l.said("stepped") == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_jump_of_the_system_clock_ahead_may_be_a_pause_of_the_machine) {
    lab l;
    l.begin();
    l.run(600s);
    l.system_lag = -30s;
    l.take(l.sync->observe(l.reading()));
    const auto t = l.sync->now(l.now);
    BOOST_TEST(!t.has_value()); // by more than max_error
    const auto before = l.queries;
    l.poll();
    BOOST_TEST(l.queries - before == 3u);
    BOOST_TEST((l.sync->now(l.now + 20ms)->error < 100ms));
    // One that sets right what was wrong before is no pause.
    l.system_lag = 0s;
    l.run(100s);
    l.system_lag = 100s;
    l.run(100s);
    l.system_lag = 0s;
    l.take(l.sync->observe(l.reading()));
    BOOST_TEST((l.sync->now(l.now)->error < 100ms));
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_query_from_before_a_sleep_is_not_taken) {
    lab l(1);
    l.begin();
    l.sync->locate(0, {machine_at(0)}, l.now);
    const auto ask = l.sync->poll(l.reading(), [] { return 77; }).actions.at(0);
    l.sync->observe(l.reading());
    l.now += 3600s, l.asleep += 3600s;
    l.sync->observe(l.reading());
    BOOST_TEST(!l.sync->outstanding(0, ask.transmit));
}

BOOST_AUTO_TEST_CASE(two_names_of_one_machine_count_once) {
    lab l(4);
    l.addresses = {{0, {machine_at(9)}}, {1, {machine_at(9)}}};
    l.lies_at[machine_at(9)] = 100s;
    l.begin();
    l.run(600s);
    BOOST_TEST(l.honest_now()); // one against two
    const auto r = l.sync->report(l.now, l.system());
    BOOST_TEST(r.voices == 3u);
    BOOST_TEST((r.servers[0].mark == mark::falseticker && r.servers[1].mark == mark::unusable));
    BOOST_TEST(r.servers[1].problem == "the same machine as A: counts once");
}

BOOST_AUTO_TEST_CASE(a_machine_at_many_ports_counts_once) {
    lab l(4);
    auto other_port = machine_at(9);
    ++other_port.port;
    l.addresses = {{0, {machine_at(9)}}, {1, {other_port}}};
    l.lies_at[machine_at(9)] = l.lies_at[other_port] = 100s;
    l.begin();
    l.run(600s);
    BOOST_TEST(l.honest_now()); // one against two
    BOOST_TEST(l.sync->report(l.now, l.system()).voices == 3u);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_heard_takes_no_vote_of_its_machine) {
    lab l(3);
    l.addresses = {{0, {machine_at(9)}}, {1, {machine_at(9)}}};
    l.silent[0] = true;
    l.begin();
    l.run(600s);
    const auto r = l.sync->report(l.now, l.system());
    BOOST_TEST(r.voices == 2u);
    BOOST_TEST((r.servers[1].mark != mark::unusable));
    BOOST_TEST((r.state == sync_state::synchronised));
}

BOOST_AUTO_TEST_CASE(a_name_is_asked_where_nobody_else_is) {
    lab l(3);
    l.addresses = {{0, {machine_at(8), machine_at(9)}}, {1, {machine_at(8), machine_at(9)}}};
    l.lies_at[machine_at(8)] = 100s;
    l.begin();
    l.run(600s);
    BOOST_TEST(l.honest_now());
    BOOST_TEST(l.sync->report(l.now, l.system()).voices == 3u);
}

namespace {

lab pool_of(std::size_t addresses) {
    lab l(0);
    for (std::size_t i = 0; i < pool_size; ++i) {
        l.s.servers.push_back({"P", false, 0});
        for (std::size_t a = 0; a < addresses; ++a) l.addresses[i].push_back(machine_at(a));
    }
    return l;
}

std::set<std::string> asked(const lab& l) {
    std::set<std::string> all;
    for (const auto& s : l.sync->report(l.now, l.system()).servers)
        if (!s.address.empty()) all.insert(s.address);
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_pool_has_as_many_votes_as_machines_and_four_at_most) {
    for (const std::size_t machines : {1u, 2u, 3u, 4u, 9u}) {
        auto l = pool_of(machines);
        l.begin();
        l.run(600s);
        BOOST_TEST(l.honest_now());
        BOOST_TEST(l.sync->report(l.now, l.system()).voices == std::min<std::size_t>(machines, 4));
        BOOST_TEST(asked(l).size() == std::min<std::size_t>(machines, 4));
    }
}

BOOST_AUTO_TEST_CASE(a_pool_replaces_whom_it_cannot_reach_and_who_lies) {
    auto l = pool_of(6);
    l.silent_at[machine_at(0)] = true;
    l.lies_at[machine_at(1)] = 100s;
    l.begin();
    l.run(60s);
    BOOST_TEST(!asked(l).contains("192.0.2.0:123")); // not only when a name is looked up anew
    l.run(3600s);
    BOOST_TEST(l.honest_now());
    const std::set<std::string> good{"192.0.2.2:123", "192.0.2.3:123", "192.0.2.4:123", "192.0.2.5:123"};
    BOOST_TEST(asked(l) == good, boost::test_tools::per_element());
    BOOST_TEST(l.sync->report(l.now, l.system()).agreeing == 4u);
    // One that falls silent later.
    l.silent_at[machine_at(0)] = false;
    l.silent_at[machine_at(3)] = true;
    l.run(3 * 3600s);
    BOOST_TEST(!asked(l).contains("192.0.2.3:123"));
    BOOST_TEST(l.sync->report(l.now, l.system()).agreeing >= 3u);
}

BOOST_AUTO_TEST_CASE(a_network_that_comes_back_brings_the_time_back_in_seconds) {
    for (const auto why : {synchroniser::reason::network, synchroniser::reason::knock}) {
        lab l(3);
        l.begin();
        l.run(1h);
        for (std::size_t i = 0; i < 3; ++i) l.silent[i] = true;
        l.run(60h);
        BOOST_TEST((l.sync->state(l.now) == sync_state::lost));
        for (std::size_t i = 0; i < 3; ++i) l.silent[i] = false;
        l.take(l.sync->wake(why, l.now));
        l.run(3s);
        BOOST_TEST(l.honest_now());
        BOOST_TEST((l.sync->state(l.now) == sync_state::synchronised));
        // Knocks are no reason while there is a time.
        const auto before = l.queries;
        for (int i = 0; i < 100; ++i) l.take(l.sync->wake(synchroniser::reason::knock, l.now)), l.run(100ms);
        BOOST_TEST(l.queries - before <= 12u);
    }
}

BOOST_AUTO_TEST_CASE(one_that_answers_again_wakes_the_others) {
    lab l(5);
    l.begin();
    l.run(1h);
    for (std::size_t i = 0; i < 5; ++i) l.silent[i] = true;
    l.run(60h);
    for (std::size_t i = 0; i < 5; ++i) l.silent[i] = false;
    const auto before = l.now;
    while (l.sync->report(l.now, l.system()).agreeing == 0) l.run(1s);
    l.run(3s);
    BOOST_TEST(l.sync->report(l.now, l.system()).agreeing == 5u);
    BOOST_TEST((l.now - before < 1100s));
}

BOOST_AUTO_TEST_CASE(what_keeps_a_server_from_counting_is_said) {
    lab l(2, true);
    l.s.max_error = 10ms; // the path alone makes 12
    l.authenticated = true;
    l.begin();
    auto locating = l.sync->poll(l.reading(), [] { return 64; });
    BOOST_TEST(l.sync->report(l.now, l.system()).servers[0].problem ==
               "no answer from its key establishment server yet");
    l.take(std::move(locating));
    l.run(60s);
    const auto said = l.sync->report(l.now, l.system()).servers[1].problem;
    BOOST_TEST(said.starts_with("its bound of 0.0"));
    BOOST_TEST(said.ends_with(" s is beyond max_error"));
}

BOOST_AUTO_TEST_CASE(a_liar_that_jumps_makes_a_line_a_minute_of_each_kind) {
    lab l(1);
    l.begin();
    l.run(600s);
    const auto lines = l.log.size();
    for (int i = 0; i < 600; ++i) {
        l.lies[0] = i % 2 == 0 ? 3600s : 0s;
        l.system_lag += 100s; // which makes us ask
        l.run(1s);
    }
    int about_the_system_clock = 0;
    for (auto i = lines; i < l.log.size(); ++i)
        about_the_system_clock += l.log[i].find("the system clock was stepped") != std::string::npos ? 1 : 0;
    BOOST_TEST(l.log.size() - lines - static_cast<std::size_t>(about_the_system_clock) < 60u);
}

BOOST_AUTO_TEST_SUITE_END()

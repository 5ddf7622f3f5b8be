#include "lab.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(time_synchroniser)

BOOST_AUTO_TEST_CASE(first_fix_with_the_first_answers) {
    lab l;
    l.system_lag = 3600s;
    l.begin();
    BOOST_TEST((l.sync->state(l.now) == sync_state::waiting));
    l.poll();
    BOOST_TEST(!l.sync->now(l.now).has_value());
    l.poll(); // names are known now
    BOOST_TEST(l.honest_now());
    BOOST_TEST((l.sync->now(l.now)->error < 15ms));
    BOOST_TEST(l.queries == 3u);
    BOOST_TEST(l.said("first fix") == 1);
    BOOST_TEST(l.said("the system clock needs +3600.0") == 1);
    BOOST_TEST(l.said("time: synchronised") == 1);
    BOOST_TEST(!l.sync->settled());
    l.run(10s);
    BOOST_TEST(l.sync->settled());
}

BOOST_AUTO_TEST_CASE(one_of_three_is_not_enough_and_two_are) {
    lab l;
    l.silent = {{1, true}, {2, true}};
    l.begin();
    l.run(600s);
    BOOST_TEST((l.sync->state(l.now) == sync_state::waiting));
    BOOST_TEST(l.sync->report(l.now, l.system()).verdict ==
               "not synchronised: 1 of 3 servers heard, 2 needed");
    l.silent[1] = false;
    l.run(80s); // each is asked about once a minute until it answers
    BOOST_TEST(l.honest_now());
    BOOST_TEST(l.said("time server C: no answer") == 1);
}

BOOST_AUTO_TEST_CASE(a_liar_is_marked) {
    for (const nanoseconds lie : {nanoseconds(100s), nanoseconds(-1h), nanoseconds(100ms)}) {
        lab l;
        l.lies[1] = lie;
        l.begin();
        l.run(3000s);
        BOOST_TEST(l.honest_now());
        const auto r = l.sync->report(l.now, l.system());
        BOOST_TEST((r.servers[1].mark == mark::falseticker));
        BOOST_TEST((std::chrono::abs(r.servers[1].offset - lie) < 1ms));
        BOOST_TEST((r.servers[0].mark == mark::system || r.servers[0].mark == mark::combined));
        BOOST_TEST(r.agreeing == 2u);
        BOOST_TEST(r.needed == 2u);
    }
}

BOOST_AUTO_TEST_CASE(the_report) {
    lab l(2);
    l.system_lag = 2s;
    l.s.servers[1].name = "b\nforged";
    l.begin();
    l.run(10s);
    const auto r = l.sync->report(l.now, l.system());
    const auto& a = r.servers[0];
    BOOST_TEST(a.name == "A");
    BOOST_TEST(a.address == "192.0.2.0:123");
    BOOST_TEST(a.stratum == 2);
    BOOST_TEST(a.reach == 0x0f);
    BOOST_TEST((std::chrono::abs(a.offset - 2s) < 1ms));
    BOOST_TEST((std::chrono::abs(a.delay - 20ms) < 1us));
    BOOST_TEST((a.bound >= 12ms && a.bound < 20ms)); // (20 + 2) / 2 + 1 and age
    BOOST_TEST(!a.authenticated);
    BOOST_TEST(r.servers[1].name == "b\\x0aforged");
    BOOST_TEST((std::chrono::abs(r.offset - 2s) < 20ms));
    BOOST_TEST((r.state == sync_state::synchronised));
}

BOOST_AUTO_TEST_CASE(silence_is_holdover_then_lost) {
    lab l(1);
    l.begin();
    l.run(1h);
    const auto bound = l.sync->now(l.now)->error;
    l.silent[0] = true;
    l.run(6h);
    BOOST_TEST((l.sync->state(l.now) == sync_state::holdover));
    BOOST_TEST(l.honest_now());
    BOOST_TEST((l.sync->now(l.now)->error > 2 * bound));
    BOOST_TEST(l.said("holding over") == 1);
    l.run(48h);
    BOOST_TEST((l.sync->state(l.now) == sync_state::lost));
    BOOST_TEST(!l.sync->now(l.now).has_value());
    BOOST_TEST(l.said("not synchronised any more") == 1);
    BOOST_TEST(l.said("no answer") == 1);
    l.silent[0] = false;
    l.run(2000s);
    BOOST_TEST(l.honest_now());
    BOOST_TEST(l.said("answers again") == 1);
}

BOOST_AUTO_TEST_CASE(max_error_decides) {
    lab l(1);
    l.s.max_error = 10ms; // the path alone makes 12
    l.begin();
    l.run(600s);
    BOOST_TEST(!l.sync->now(l.now).has_value());
}

BOOST_AUTO_TEST_CASE(the_interval_lengthens_until_the_oscillator_would_cost_more_than_the_path) {
    lab l(1);
    l.begin();
    l.run(12h);
    const auto r = l.sync->report(l.now, l.system());
    BOOST_TEST((r.servers[0].interval == 512s)); // 9 ppm of that, twice, are 9 ms, the path half of 20
    BOOST_TEST(std::abs(r.frequency) < 1e-6);
    BOOST_TEST(r.frequency_bound < 20e-6);
    BOOST_TEST((r.estimate->error < 60ms));
    const auto before = l.queries;
    l.run(10240s);
    BOOST_TEST(l.queries - before <= 21u);
}

BOOST_AUTO_TEST_CASE(a_step_needs_most_servers_over_several_polls) {
    lab l;
    l.begin();
    l.run(1h);
    l.lies = {{0, -3600s}, {1, -3600s}};
    const auto turned = l.now;
    while (l.said("clock stepped") == 0 && l.now < turned + 1h) {
        BOOST_TEST(l.honest_now());
        l.run(1s);
    }
    BOOST_TEST((l.now - turned >= 3 * 64s));
    BOOST_TEST(l.said("not believed unless most servers go on saying so") == 1);
    const auto& line = l.log.at(l.log.size() - 2); // the state comes after it
    BOOST_TEST(line.starts_with("time: clock stepped by -3600.0"));
    BOOST_TEST(line.ends_with(" s, said by A, B"));
    const auto t = l.sync->now(l.now);
    BOOST_REQUIRE(t.has_value());
    BOOST_TEST((std::chrono::abs(t->t - l.truth() + 3600s) < 1s));
}

BOOST_AUTO_TEST_CASE(one_liar_never_steps_however_long) {
    lab l(2); // of two, one heard is enough; to step it is not
    l.begin();
    l.run(1h);
    l.silent[0] = true;
    l.lies[1] = 3600s;
    l.run(12h);
    BOOST_TEST(l.honest_now());
    BOOST_TEST(l.said("clock stepped") == 0);
}

BOOST_AUTO_TEST_CASE(a_passing_step_is_dropped) {
    lab l(1);
    l.begin();
    l.run(600s);
    l.lies[0] = 3600s;
    for (const auto end = l.now + 1h; l.said("not believed") == 0 && l.now < end;) l.run(1s);
    BOOST_TEST(l.said("not believed") == 1);
    l.lies[0] = 0s;
    l.run(600s);
    BOOST_TEST(l.honest_now());
    BOOST_TEST(l.said("the step is not asked for any more") == 1);
    BOOST_TEST(l.said("clock stepped") == 0);
}

BOOST_AUTO_TEST_CASE(sleep_is_noticed_and_all_are_asked) {
    lab l;
    l.begin();
    l.run(2h);
    l.now += 5h;
    l.asleep += 5h;
    l.take(l.sync->observe(l.reading()));
    const auto bound = l.sync->now(l.now)->error;
    BOOST_TEST((bound >= 2s)); // the slack counts before anybody polled
    const auto before = l.queries;
    l.poll();
    BOOST_TEST(l.said("the machine slept for") == 1);
    BOOST_TEST(l.queries - before == 3u);
    BOOST_TEST((l.sync->now(l.now + 20ms)->error < 100ms));
}

BOOST_AUTO_TEST_CASE(steps_of_the_system_clock_are_noticed_and_ignored) {
    lab l;
    l.begin();
    l.run(600s);
    const auto before = *l.sync->now(l.now);
    l.system_lag = 3600s;
    l.poll();
    BOOST_TEST(l.said("the system clock was stepped by -3600.0") == 1);
    BOOST_TEST((std::chrono::abs(l.sync->now(l.now)->t - before.t) < 1ms));
}

BOOST_AUTO_TEST_CASE(require_nts_gives_only_those_a_voice) {
    lab l;
    l.s.require_nts = true;
    l.begin();
    l.run(60s);
    BOOST_TEST(!l.sync->now(l.now).has_value());
    BOOST_TEST(l.sync->report(l.now, l.system()).verdict == "no time server with NTS, and only such count");
    lab m;
    m.s.require_nts = true;
    m.s.servers[2].nts = true;
    m.begin();
    m.run(60s); // nothing is authenticated
    BOOST_TEST(!m.sync->now(m.now).has_value());
    BOOST_TEST(m.said("time server C: not authenticated") == 1);
    m.authenticated = true;
    m.lies = {{0, 100s}, {1, 100s}};
    m.run(80s);
    BOOST_TEST(m.honest_now());
    const auto r = m.sync->report(m.now, m.system());
    BOOST_TEST(r.voices == 1u);
    BOOST_TEST((r.servers[0].mark == mark::unusable));
    BOOST_TEST((r.servers[2].mark == mark::system && r.servers[2].authenticated));
}

BOOST_AUTO_TEST_CASE(no_servers) {
    lab l(0);
    l.begin();
    l.run(10s);
    BOOST_TEST(l.sync->settled());
    const auto r = l.sync->report(l.now, l.system());
    BOOST_TEST(to_string(r.state) == "system clock");
    BOOST_TEST(r.verdict == "going by the system clock: no time servers are configured");
}

BOOST_AUTO_TEST_CASE(junk_is_not_an_answer) {
    lab l(1);
    l.begin();
    const auto start = l.sync->poll(l.reading(), [] { return 1; });
    BOOST_REQUIRE(start.actions.size() == 1u);
    l.sync->locate(0, {exchanges::machine_at(0)}, l.now);
    const auto ask = l.sync->poll(l.reading(), [] { return 77; }).actions.at(0);
    BOOST_TEST(l.sync->outstanding(0, ask.transmit));
    for (std::size_t n = 0; n < 100; ++n)
        l.sync->receive(0, std::vector<std::uint8_t>(n, 0x24), l.now, l.now + 1ms, false);
    BOOST_TEST(l.sync->outstanding(0, ask.transmit));
    BOOST_TEST(!l.sync->now(l.now).has_value());
    l.sync->receive(0, encode(honest(ask.transmit, l.now)), l.now, l.now + 20ms, false);
    BOOST_TEST(!l.sync->outstanding(0, ask.transmit));
    BOOST_TEST(l.honest_now());
}

BOOST_AUTO_TEST_CASE(the_rollover_of_2036_is_no_event) {
    lab l;
    const auto rollover = unix_time(2'085'978'496s);
    l.now = instant(rollover - boot_moment - 1h);
    l.begin();
    l.run(2h);
    BOOST_TEST(l.honest_now());
    BOOST_TEST((l.truth() > rollover));
    BOOST_TEST(l.log.size() == 5u); // three answer, the first fix, synchronised
}

BOOST_AUTO_TEST_SUITE_END()

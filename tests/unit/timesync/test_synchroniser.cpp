#include "exchange.hpp"
#include "timesync/synchroniser.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

using namespace exchanges;
using namespace chronoknock::timesync;

namespace {

// A shell over a network without a flaw: each answer comes after 20 ms, and each server may lie.
struct lab {
    settings s;
    std::optional<synchroniser> sync;
    instant now{1000s};
    nanoseconds system_lag{0};
    nanoseconds asleep{0};
    std::map<std::size_t, nanoseconds> lies;
    std::map<std::size_t, bool> silent;
    timesync::leap announced = leap::none;
    bool authenticated = false;
    std::map<std::size_t, std::vector<endpoint>> addresses; ///< of a server; else it has one of its own
    std::map<endpoint, nanoseconds> lies_at;
    std::map<endpoint, bool> silent_at;
    nanoseconds lie_after{0}; ///< of all, from a moment of their own time on
    unix_time lie_from = unix_time::max();
    std::vector<std::string> log;
    std::uint64_t draws = 0;
    std::size_t queries = 0;

    explicit lab(std::size_t servers = 3, bool nts = false) {
        for (std::size_t i = 0; i < servers; ++i)
            s.servers.push_back({std::string(1, static_cast<char>('A' + i)), nts});
    }
    void begin() { sync.emplace(s); }
    unix_time truth() const { return boot_moment + now.time_since_epoch(); }
    unix_time system() const { return truth() - system_lag; }
    clock_reading reading() const { return {now, asleep, system()}; }
    void take(outcome o) {
        for (auto& c : o.changes) log.push_back(c.text);
        for (auto& a : o.actions) {
            if (a.what == action::kind::locate) {
                const auto& known = addresses[a.server];
                take(sync->locate(a.server, known.empty() ? std::vector{machine_at(a.server)} : known, now));
                continue;
            }
            ++queries;
            if (silent[a.server] || silent_at[a.to]) continue;
            const auto leapt = truth() >= lie_from ? lie_after : nanoseconds(0);
            auto h = honest(a.transmit, now, 20ms, lies[a.server] + lies_at[a.to] + leapt);
            h.leap = announced;
            take(sync->receive(a.server, encode(h), now, now + 20ms, authenticated));
        }
    }
    void poll() {
        take(sync->poll(reading(), [this] { return draws += 64; }));
    }
    void run(nanoseconds length) {
        const auto end = now + length;
        poll();
        while (sync->next_deadline() < end) {
            now = std::max(now + 20ms, sync->next_deadline());
            poll();
        }
        now = std::max(now, end);
    }
    bool honest_now() const {
        const auto t = sync->now(now);
        return t && std::chrono::abs(t->t - truth()) <= t->error;
    }
    int said(std::string_view part) const {
        return static_cast<int>(std::count_if(log.begin(), log.end(), [&](const std::string& line) {
            return line.find(part) != std::string::npos;
        }));
    }
};

} // namespace

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

BOOST_AUTO_TEST_CASE(the_interval_lengthens) {
    lab l(1);
    l.begin();
    l.run(12h);
    const auto r = l.sync->report(l.now, l.system());
    BOOST_TEST((r.servers[0].interval == 1024s));
    BOOST_TEST(std::abs(r.frequency) < 1e-6);
    BOOST_TEST(r.frequency_bound < 20e-6);
    BOOST_TEST((r.estimate->error < 60ms));
    const auto before = l.queries;
    l.run(10240s);
    BOOST_TEST(l.queries - before <= 11u);
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
    while (l.said("not believed") == 0) l.run(1s);
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

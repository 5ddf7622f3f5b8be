#include "timesync/clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

constexpr instant start{100s};

selection agreement(nanoseconds offset, nanoseconds distance) {
    selection s;
    s.agreed = true;
    s.low = offset - distance;
    s.high = offset + distance;
    s.offset = offset;
    return s;
}

bool near(nanoseconds a, nanoseconds b, nanoseconds by = 1us) { return std::chrono::abs(a - b) <= by; }

struct fixed_clock {
    timesync::clock c{64s, 1s};
    void fix(nanoseconds offset = 1000s, nanoseconds distance = 10ms) {
        BOOST_TEST(
            (c.update(agreement(offset, distance), start, false).what == timesync::clock::verdict::first));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_clock)

BOOST_FIXTURE_TEST_CASE(no_time_before_the_first_fix, fixed_clock) {
    BOOST_TEST(!c.now(start).has_value());
    fix();
    const auto t = c.now(start);
    BOOST_REQUIRE(t.has_value());
    BOOST_TEST((t->t == unix_time(1100s) && t->error == 10ms));
}

BOOST_FIXTURE_TEST_CASE(the_bound_grows_in_holdover, fixed_clock) {
    fix();
    BOOST_TEST(near(c.now(start + 100s)->error, 10ms + 50ms)); // 500 ppm, the frequency being unknown
    BOOST_TEST(near(c.now(start + 1h)->error, 10ms + 1800ms));
    BOOST_TEST(near(c.now(start - 100s)->error, 60ms)); // also into the past
}

BOOST_AUTO_TEST_CASE(the_tolerance_once_known) {
    const frequency_estimate f{20e-6, 5e-6};
    BOOST_TEST(near(drift(f, 1000s), 20ms));
    BOOST_TEST(near(drift_bound(f, 100s), 100 * 10us, 20us));
    // In an hour the 10 ppm have become 20; in the end nothing is known any more.
    BOOST_TEST(near(drift_bound(f, 1h), 3600 * 15us));
    const nanoseconds later = drift_bound(f, 1001h) - drift_bound(f, 1000h);
    BOOST_TEST(near(later, 3600 * 500us));
}

BOOST_FIXTURE_TEST_CASE(agreements_are_intersected, fixed_clock) {
    fix(1000s, 10ms);
    BOOST_TEST(
        (c.update(agreement(1000s + 15ms, 10ms), start, false).what == timesync::clock::verdict::kept));
    const auto range = *c.at(start);
    BOOST_TEST((range.low == 1000s + 5ms && range.high == 1000s + 10ms && range.offset == 1000s + 10ms));
    // A poor answer does not spoil it.
    c.update(agreement(1000s, 900ms), start, false);
    BOOST_TEST((c.at(start)->low == range.low && c.at(start)->high == range.high));
}

BOOST_FIXTURE_TEST_CASE(learns_the_frequency, fixed_clock) {
    fix();
    for (int i = 1; i <= 40; ++i) {
        const auto now = start + i * 64s;
        const auto noise = (i * 7 % 5 - 2) * 1ms;
        BOOST_TEST((c.update(agreement(1000s + i * 64 * 30us + noise, 10ms), now, false).what ==
                    timesync::clock::verdict::kept));
    }
    BOOST_TEST(c.frequency().known());
    BOOST_TEST(std::abs(c.frequency().value - 30e-6) < 2e-6);
    BOOST_TEST(std::abs(c.frequency().value - 30e-6) < c.frequency().bound);
    BOOST_TEST(c.frequency().bound < 30e-6);
    // So that the bound hardly grows until the next poll, and the middle goes along.
    const auto later = *c.at(start + 40 * 64s + 1024s);
    BOOST_TEST((later.high - later.low < 130ms));
    BOOST_TEST(near(later.offset, 1000s + (40 * 64 + 1024) * 30us, 10ms));
}

BOOST_FIXTURE_TEST_CASE(the_slope_stays_within_what_the_intervals_allow, fixed_clock) {
    fix(1000s, 100us);
    // Poor answers, whose middles fall; the good ones at both ends allow next to no slope.
    for (int i = 1; i < 20; ++i) {
        auto s = agreement(1000s, 10ms);
        s.offset += i < 10 ? 9ms : -9ms;
        c.update(s, start + i * 64s, false);
    }
    c.update(agreement(1000s, 100us), start + 20 * 64s, false);
    BOOST_TEST(std::abs(c.frequency().value) < 0.5e-6);
    BOOST_TEST(c.frequency().bound < 2.5e-6);
}

BOOST_FIXTURE_TEST_CASE(a_small_contradiction_keeps_both_possible, fixed_clock) {
    fix();
    const auto r = c.update(agreement(1000s + 500ms, 10ms), start, false);
    BOOST_TEST((r.what == timesync::clock::verdict::corrected && r.moved == 500ms));
    BOOST_TEST((c.at(start)->low == 1000s - 10ms && c.at(start)->high == 1000s + 510ms));
    BOOST_TEST(!c.frequency().known());
}

BOOST_FIXTURE_TEST_CASE(a_step_that_the_machine_saw_reason_for_is_believed_once, fixed_clock) {
    using enum timesync::clock::verdict;
    fix();
    c.widen(0s, 5s, start + 10s);
    BOOST_TEST((c.update(agreement(1000s, 5s), start + 11s, false).what == kept)); // samples of before
    BOOST_TEST((c.update(agreement(1004s, 10ms), start + 12s, false).what == kept));
    BOOST_TEST((c.now(start + 12s)->error < 20ms));
    BOOST_TEST((c.update(agreement(1008s, 10ms), start + 13s, false).what == held));
}

BOOST_FIXTURE_TEST_CASE(of_a_step_no_more_is_excused_than_the_machine_saw_and_an_hour, fixed_clock) {
    using enum timesync::clock::verdict;
    fix();
    c.widen(0s, 48h, start + 10s);
    BOOST_TEST((c.update(agreement(995s, 10ms), start + 11s, false).what == held)); // the other way
    BOOST_TEST((c.update(agreement(1000s + 24h, 10ms), start + 12s, false).what == held));
    BOOST_TEST((c.update(agreement(1000s + 30min, 10ms), start + 13s, false).what == kept));
}

BOOST_FIXTURE_TEST_CASE(a_step_must_be_held, fixed_clock) {
    fix();
    const auto back = [&](nanoseconds after, bool fresh) {
        return c.update(agreement(-2600s, 10ms), start + after, fresh).what;
    };
    BOOST_TEST((back(64s, false) == timesync::clock::verdict::held));
    BOOST_TEST((c.held_since() == start + 64s));
    BOOST_TEST((back(128s, false) == timesync::clock::verdict::held));
    BOOST_TEST((back(255s, true) == timesync::clock::verdict::held));  // not for long enough
    BOOST_TEST((back(300s, false) == timesync::clock::verdict::held)); // long enough, but old answers
    BOOST_TEST(near(c.at(start + 300s)->offset, 1000s));               // not moved yet
    const auto r = c.update(agreement(-2600s, 10ms), start + 310s, true);
    BOOST_TEST((r.what == timesync::clock::verdict::stepped && r.moved == -3600s));
    BOOST_TEST((c.at(start + 310s)->offset == -2600s));
    BOOST_TEST(!c.held_since().has_value());
}

BOOST_FIXTURE_TEST_CASE(a_step_that_wanders_starts_anew, fixed_clock) {
    fix();
    for (int i = 1; i < 20; ++i) {
        const auto now = start + i * 64s;
        BOOST_TEST(
            (c.update(agreement(2000s + i * 1s, 10ms), now, true).what == timesync::clock::verdict::held));
        BOOST_TEST((c.held_since() == now));
    }
}

BOOST_FIXTURE_TEST_CASE(a_step_is_forgotten_when_they_do_not_agree, fixed_clock) {
    fix();
    c.update(agreement(2000s, 10ms), start + 1s, false);
    c.no_agreement();
    BOOST_TEST(!c.held_since().has_value());
    c.update(agreement(2000s, 10ms), start + 2s, false);
    c.update(agreement(1000s, 10ms), start + 3s, false);
    BOOST_TEST(!c.held_since().has_value());
}

BOOST_FIXTURE_TEST_CASE(each_day_forwards_takes_a_round_more, fixed_clock) {
    fix();
    const auto ahead = [&](nanoseconds after) {
        return c.update(agreement(1000s + 73h, 10ms), start + after, true).what;
    };
    BOOST_TEST((ahead(0s) == timesync::clock::verdict::held));
    BOOST_TEST((ahead(3 * 64s) == timesync::clock::verdict::held));
    BOOST_TEST((ahead(4 * 3 * 64s - 1s) == timesync::clock::verdict::held));
    BOOST_TEST((ahead(4 * 3 * 64s) == timesync::clock::verdict::stepped));
}

BOOST_FIXTURE_TEST_CASE(widening, fixed_clock) {
    c.widen(2s, 2s, start); // harmless before the first fix
    fix();
    c.widen(2s, 2s, start);
    BOOST_TEST((c.now(start)->error == 2s + 10ms));
    BOOST_TEST(
        (c.update(agreement(1000s + 900ms, 10ms), start, false).what == timesync::clock::verdict::kept));
    BOOST_TEST((c.now(start)->error == 10ms));
}

BOOST_AUTO_TEST_SUITE_END()

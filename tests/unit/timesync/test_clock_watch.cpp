#include "timesync/clock_watch.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

struct watched {
    clock_watch w;
    clock_reading r{instant(1h), 10s, unix_time(1'000'000s)};
    /// After so much time, of it so much asleep, the system clock having gained so much besides.
    disturbance after(nanoseconds time, nanoseconds asleep = 0s, nanoseconds gained = 0s) {
        r.at += time, r.asleep += asleep, r.system += time + gained;
        return w.observe(r);
    }
    watched() { BOOST_TEST(!w.observe(r)); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_clock_watch)

BOOST_FIXTURE_TEST_CASE(a_sleep_however_short_is_seen_once, watched) {
    for (const nanoseconds sleep :
         {nanoseconds(1ms), nanoseconds(20ms), nanoseconds(21600ms), nanoseconds(10h)}) {
        const auto d = after(sleep + 1s, sleep);
        BOOST_TEST((d.slept == sleep && d.system_step == 0s));
        BOOST_TEST(!after(1s));
    }
    BOOST_TEST(!after(1s, 900us)); // the two clocks are not read at one moment
}

BOOST_FIXTURE_TEST_CASE(a_jump_of_the_system_clock_is_seen_once_and_with_its_sign, watched) {
    for (const nanoseconds step :
         {nanoseconds(1s), nanoseconds(-1s), nanoseconds(30s), nanoseconds(-9000h)}) {
        const auto d = after(100ms, 0s, step);
        BOOST_TEST((d.slept == 0s && d.system_step == step));
        BOOST_TEST(!after(100ms));
    }
    BOOST_TEST(!after(100ms, 0s, 999ms));
}

BOOST_FIXTURE_TEST_CASE(slewing_is_no_jump, watched) {
    for (int i = 0; i < 100; ++i) BOOST_TEST(!after(clock_watch::every, 0s, clock_watch::every / 12));
    BOOST_TEST(!after(1h, 0s, 300s));
    BOOST_TEST((after(1h, 0s, 361s).system_step == 361s));
    // In sleep nothing is slewed.
    BOOST_TEST((after(10h, 10h, 10s).system_step == 10s));
}

BOOST_AUTO_TEST_SUITE_END()

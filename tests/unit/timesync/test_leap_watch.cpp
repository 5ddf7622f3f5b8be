#include "timesync/leap_watch.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

const unix_time leap_moment = std::chrono::sys_days(std::chrono::year(2026) / 7 / 1);

struct watched {
    leap_watch w;
    watched() { w.announce(true, leap_moment - 24h); }
    leap_watch::step at(nanoseconds t, nanoseconds error) { return w.advance({leap_moment + t, error}); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(time_leap_watch)

BOOST_FIXTURE_TEST_CASE(from_when_it_may_have_begun_until_it_is_surely_over, watched) {
    using enum leap_watch::step;
    BOOST_TEST((w.now() == leap_watch::phase::announced && w.begins() == leap_moment - 1s));
    BOOST_TEST((at(-2s, 900ms) == none));
    BOOST_TEST((w.doubt(leap_moment - 1s) == 0s));
    BOOST_TEST((at(-2s, 1s) == begins)); // a second left out is the month's last
    BOOST_TEST((at(-2s, 1s) == none));
    BOOST_TEST((w.doubt(leap_moment - 1s) == 1s));
    BOOST_TEST((w.doubt(leap_moment + 999ms) == 1s)); // a server may show the new month and take it back
    BOOST_TEST((w.doubt(leap_moment + 1s) == 0s));
    w.announce(false, leap_moment); // they say so as soon as it is over for them
    w.announce(true, leap_moment);
    BOOST_TEST((w.now() == leap_watch::phase::passing));
    BOOST_TEST((at(2s, 1s) == none));
    BOOST_TEST((at(2s + 1ms, 1s) == ends));
    BOOST_TEST((w.now() == leap_watch::phase::quiet));
    BOOST_TEST((w.doubt(leap_moment - 1s) == 0s));
}

BOOST_FIXTURE_TEST_CASE(an_announcement_may_be_taken_back, watched) {
    w.announce(false, leap_moment - 1h);
    BOOST_TEST((at(0s, 1s) == leap_watch::step::none));
    BOOST_TEST((w.now() == leap_watch::phase::quiet));
}

BOOST_AUTO_TEST_CASE(it_comes_at_the_end_of_the_month) {
    leap_watch w;
    w.announce(true, std::chrono::sys_days(std::chrono::year(2026) / 12 / 31) + 23h + 59min);
    BOOST_TEST((w.begins() == std::chrono::sys_days(std::chrono::year(2027) / 1 / 1) - 1s));
}

BOOST_AUTO_TEST_SUITE_END()

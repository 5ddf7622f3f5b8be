#include "timesync/departure.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using std::chrono::microseconds;

namespace {

constexpr instant begin{seconds(1000)};
constexpr unix_time system_begin{seconds(1'800'000'000)};

clock_reading after(microseconds passed, microseconds by_system) {
    return {begin + passed, nanoseconds(0), system_begin + by_system};
}
const clock_reading before = after(microseconds(0), microseconds(0));

/// By how much later than the first reading the packet is said to have left.
microseconds left(const clock_reading& end, std::optional<microseconds> stamp) {
    std::optional<unix_time> at;
    if (stamp) at = system_begin + *stamp;
    return std::chrono::duration_cast<microseconds>(departure(before, end, at) - begin);
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_departure)

BOOST_AUTO_TEST_CASE(a_packet_left_when_the_kernel_says_less_what_the_clock_may_be_slewed_by) {
    const auto end = after(microseconds(100), microseconds(100));
    BOOST_TEST(left(end, microseconds(80)).count() == 80 - 11);
    BOOST_TEST(left(end, microseconds(100)).count() == 100 - 11);
    BOOST_TEST(left(end, microseconds(5)).count() == 0);
    BOOST_TEST(left(end, {}).count() == 0);
}

BOOST_AUTO_TEST_CASE(a_slewed_clock_makes_it_no_later_than_it_was) {
    // Slewed by a tenth either way, the packet left after 80 us.
    BOOST_TEST(left(after(microseconds(100), microseconds(110)), microseconds(88)).count() <= 80);
    BOOST_TEST(left(after(microseconds(100), microseconds(90)), microseconds(72)).count() <= 80);
}

BOOST_AUTO_TEST_CASE(a_clock_that_was_set_meanwhile_says_nothing) {
    for (const auto step : {-5000, -500, -50, 50, 500, 5000})
        for (const auto stamp : {0, 20, 80, 100}) {
            const auto end = after(microseconds(100), microseconds(100 + step));
            BOOST_TEST(left(end, microseconds(stamp)).count() == 0);
            BOOST_TEST(left(end, microseconds(stamp + step)).count() == 0);
        }
    // Set there and back: the stamp is of another time.
    const auto end = after(microseconds(100), microseconds(100));
    BOOST_TEST(left(end, microseconds(-1)).count() == 0);
    BOOST_TEST(left(end, microseconds(101)).count() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

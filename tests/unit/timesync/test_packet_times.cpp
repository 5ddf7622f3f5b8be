#include "timesync/packet_times.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using std::chrono::microseconds;

namespace {

constexpr instant begin{seconds(1000)};
constexpr unix_time system_begin{seconds(1'800'000'000)};

clock_reading after(std::int64_t passed, std::int64_t by_system) {
    return {begin + microseconds(passed), nanoseconds(0), system_begin + microseconds(by_system)};
}
const clock_reading before = after(0, 0);

std::optional<unix_time> at(std::optional<std::int64_t> stamp) {
    if (!stamp) return std::nullopt;
    return system_begin + microseconds(*stamp);
}
std::int64_t us(instant t) { return std::chrono::duration_cast<microseconds>(t - begin).count(); }

/// By how much later than the first reading a packet is said to have left, and to have come.
std::int64_t left(const clock_reading& end, std::optional<std::int64_t> stamp) {
    return us(departure(before, end, at(stamp)));
}
std::int64_t came(const clock_reading& end, std::optional<std::int64_t> stamp) {
    return us(arrival(before, end, at(stamp)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_packet_times)

BOOST_AUTO_TEST_CASE(a_packet_left_and_came_when_the_kernel_says) {
    const auto end = after(1000, 1000);
    for (const std::int64_t stamp : {2, 80, 500, 1000}) {
        BOOST_TEST(left(end, stamp) == stamp - 1);
        BOOST_TEST(came(end, stamp) == std::min<std::int64_t>(stamp + 1, 1000));
    }
    BOOST_TEST(left(end, 0) == 0);
    BOOST_TEST(left(end, {}) == 0);
    BOOST_TEST(came(end, {}) == 1000);
}

BOOST_AUTO_TEST_CASE(a_slewed_clock_makes_no_round_trip_shorter) {
    // The packet passed after 80 us of 180; before it, after it or all the time the clock was slewed.
    for (const int earlier : {-10, -5, 0, 5, 10})
        for (const int later : {-10, -5, 0, 5, 10}) {
            if (earlier * later < 0) continue; // not there and back within an exchange
            const auto stamp = 80 + 80 * earlier / 100;
            const auto end = after(180, stamp + 100 + later);
            BOOST_TEST(left(end, stamp) <= 80);
            BOOST_TEST(came(end, stamp) >= 80);
        }
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_set_makes_no_round_trip_shorter) {
    for (const int step : {-5000, -50, -20, -3, 3, 20, 50, 5000})
        for (const int passed : {0, 20, 80, 100})
            for (const bool set_before_it : {true, false}) {
                const auto end = after(100, 100 + step);
                const auto stamp = passed + (set_before_it ? step : 0);
                BOOST_TEST(left(end, stamp) <= passed);
                BOOST_TEST(left(end, stamp) >= 0);
                BOOST_TEST(came(end, stamp) >= passed);
                BOOST_TEST(came(end, stamp) <= 100);
            }
}

BOOST_AUTO_TEST_CASE(a_stamp_of_another_time_says_nothing) {
    const auto end = after(100, 100);
    for (const int stamp : {-1, 101}) {
        BOOST_TEST(left(end, stamp) == 0);
        BOOST_TEST(came(end, stamp) == 100);
    }
}

BOOST_AUTO_TEST_SUITE_END()

#include "grant/windows.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {
constexpr std::int64_t epoch = 1'700'000'000;
unix_time at(double s) { return unix_time{seconds(epoch) + nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }
} // namespace

BOOST_AUTO_TEST_CASE(ranges_of_windows) {
    BOOST_TEST((acceptable_windows(at(5), at(5), 10) == window_range{epoch - 10, epoch}));
    BOOST_TEST((acceptable_windows(at(0), at(10), 10) == window_range{epoch - 10, epoch + 10}));
    BOOST_TEST(most_windows(10, 0s) == 2);
    BOOST_TEST(most_windows(10, 5s) == 3);
    BOOST_TEST(most_windows(1, 500ms) == 3);
    // brute force: the range is exactly what acceptable() says
    for (int g = 1; g < 5; ++g)
        for (int t = 0; t < 200; ++t)
            for (int e = 0; e < 30; ++e) {
                const time_estimate arrival{at(t * 0.1), e * 100ms};
                const auto range =
                    acceptable_windows(arrival.t - arrival.error, arrival.t + arrival.error, g);
                BOOST_REQUIRE((range.last - range.first) / g + 1 <= most_windows(g, arrival.error));
                const auto align = epoch - epoch % g;
                for (auto t0 = align - 20 * g; t0 <= align + 40 * g; t0 += g) {
                    const unix_time begin{seconds(t0)};
                    BOOST_REQUIRE(acceptable(begin, begin + 2s * g, arrival) ==
                                  (range.first <= t0 && t0 <= range.last));
                }
            }
}

#include "report/series.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::report;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_row_has_what_happened_since_the_one_before) {
    sampler s(instant{10s});
    BOOST_TEST(!s.is_due(instant{10s + period_length - 1s}));
    BOOST_TEST(s.is_due(instant{10s + period_length}));
    const clock_state clock{1ms, 2ms};
    const unix_time t{1'800'000'000s};
    BOOST_TEST((s.take(instant{310s}, t, {100, 5, 4, 3}, clock) == period{t, 300s, 100, 5, 4, 3, clock}));
    BOOST_TEST(!s.is_due(instant{310s}));
    BOOST_TEST((s.take(instant{320s}, t, {130, 5, 6, 3}, {}) == period{t, 10s, 30, 0, 2, 0, {}}));
    // Read again, the configuration has a table that counts anew.
    BOOST_TEST((s.take(instant{330s}, t, {7, 6, 6, 3}, {}) == period{t, 10s, 7, 1, 0, 0, {}}));
}

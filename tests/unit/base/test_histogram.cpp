#include "base/histogram.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(a_histogram_counts_up_to_and_with_each_bound) {
    histogram h;
    for (const nanoseconds d : {nanoseconds(0), nanoseconds(100us), 100us + nanoseconds(1), nanoseconds(3ms),
                                nanoseconds(10s), nanoseconds(11s)})
        h.add(d);
    BOOST_TEST(h.up_to(0) == 2u);
    BOOST_TEST(h.up_to(1) == 3u);
    BOOST_TEST(h.up_to(4) == 3u); // 2 ms
    BOOST_TEST(h.up_to(5) == 4u); // 5 ms
    BOOST_TEST(h.up_to(h.bounds.size() - 1) == 5u);
    BOOST_TEST(h.count() == 6u);
    BOOST_TEST((h.sum() == 21s + 3ms + 200us + nanoseconds(1)));
    BOOST_TEST(std::ranges::is_sorted(h.bounds));
}

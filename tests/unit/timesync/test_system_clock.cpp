#include "timesync/system_clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(time_system_clock)

BOOST_AUTO_TEST_CASE(the_kernels_bound_where_it_vouches_for_its_clock) {
    const auto t = trust_system_clock({true, false, 12ms, 0ms}, 5s);
    BOOST_TEST((t.bound == 12ms && t.warning.empty()));
    // What it has still to slew by it is off by.
    BOOST_TEST((trust_system_clock({true, false, 12ms, -30ms}, 5s).bound == 42ms));
    BOOST_TEST((trust_system_clock({true, false, 4s, 0ms}, 5s).bound == 4s));
    BOOST_TEST((trust_system_clock({true, false, 6s, 0ms}, 5s).bound == 500ms));
    BOOST_TEST(!trust_system_clock({true, false, 6s, 0ms}, 5s).warning.empty());
}

BOOST_AUTO_TEST_CASE(else_the_operators_word_and_a_warning) {
    const auto t = trust_system_clock({true, true, 12ms, 0ms}, 5s);
    BOOST_TEST((t.bound == 500ms));
    BOOST_TEST(t.warning ==
               "the kernel says that nothing synchronises the system clock; it is trusted to 0.500000 s");
    BOOST_TEST((trust_system_clock({false, false, 0ms, 0ms}, 5s).bound == 500ms));
    BOOST_TEST(!trust_system_clock({false, false, 0ms, 0ms}, 5s).warning.empty());
}

BOOST_AUTO_TEST_SUITE_END()

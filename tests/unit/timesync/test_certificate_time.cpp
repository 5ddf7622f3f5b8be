#include "timesync/certificate_time.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::timesync;

BOOST_AUTO_TEST_SUITE(time_of_certificates)

BOOST_AUTO_TEST_CASE(the_servers_word_counts_and_no_moment_before_the_build) {
    const known_time k{unix_time(seconds(50)), unix_time(seconds(90)), unix_time(seconds(80)),
                       unix_time(seconds(40))};
    BOOST_TEST((certificate_time(k, false) == unix_time(seconds(50))));
    BOOST_TEST((certificate_time(k, true) == unix_time(seconds(50))));
    auto forged = k;
    forged.estimate = unix_time(seconds(10));
    BOOST_TEST((certificate_time(forged, false) == unix_time(seconds(40))));
}

BOOST_AUTO_TEST_CASE(before_it_the_latest_moment_known_or_none_if_so_configured) {
    const auto at = [](int system, int newest, int build) {
        return certificate_time(
            {{}, unix_time(seconds(system)), unix_time(seconds(newest)), unix_time(seconds(build))}, false);
    };
    BOOST_TEST((at(3, 1, 2) == unix_time(seconds(3))));
    BOOST_TEST((at(1, 3, 2) == unix_time(seconds(3))));
    BOOST_TEST((at(1, 2, 3) == unix_time(seconds(3))));
    BOOST_TEST(!certificate_time({{}, unix_time(seconds(3)), {}, {}}, true));
}

BOOST_AUTO_TEST_SUITE_END()

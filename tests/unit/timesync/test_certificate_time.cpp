#include "timesync/certificate_time.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace chronoknock;
using namespace chronoknock::timesync;

namespace {

std::string judged(const known_time& k, bool unchecked_until_a_fix = false) {
    const auto t = certificate_time(k, unchecked_until_a_fix);
    return t ? std::to_string(to_seconds(t->at)) + " " + std::string(t->by) : "unchecked";
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_of_certificates)

BOOST_AUTO_TEST_CASE(the_servers_word_counts_and_no_moment_before_the_build) {
    const known_time k{unix_time(seconds(50)), unix_time(seconds(90)), unix_time(seconds(80)),
                       unix_time(seconds(40))};
    BOOST_TEST(judged(k) == "50 the time servers");
    BOOST_TEST(judged(k, true) == "50 the time servers");
    auto forged = k;
    forged.estimate = unix_time(seconds(10));
    BOOST_TEST(judged(forged) == "40 the program's build");
}

BOOST_AUTO_TEST_CASE(before_it_the_latest_moment_known_or_none_if_so_configured) {
    const auto at = [](int system, int newest, int build) {
        return judged(
            {{}, unix_time(seconds(system)), unix_time(seconds(newest)), unix_time(seconds(build))});
    };
    BOOST_TEST(at(3, 1, 2) == "3 the system clock");
    BOOST_TEST(at(1, 3, 2) == "3 the newest knock in the record");
    BOOST_TEST(at(1, 2, 3) == "3 the program's build");
    BOOST_TEST(judged({{}, unix_time(seconds(3)), {}, {}}, true) == "unchecked");
}

BOOST_AUTO_TEST_SUITE_END()

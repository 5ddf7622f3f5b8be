#include "packet/filter.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

namespace {

const std::string syns = "(tcp[13] & 0x17 == 2 or (ip6[6] == 6 and ip6[53] & 0x17 == 2))";

port_set every_tenth(unsigned count) {
    std::vector<port_range> ranges;
    for (unsigned i = 0; i < count; ++i) {
        const auto port = static_cast<std::uint16_t>(1000 + 10 * i);
        ranges.push_back({port, port});
    }
    return port_set(ranges);
}

} // namespace

// That the text means what it should is tested where a kernel runs it: tests/unit/io/capture.cpp.
BOOST_AUTO_TEST_SUITE(filter)

BOOST_AUTO_TEST_CASE(every_port_needs_no_term) {
    BOOST_TEST(packet::filter(*port_set::parse("0-65535"), false) == syns);
    BOOST_TEST(packet::filter(port_set{}, false) == syns);
}

BOOST_AUTO_TEST_CASE(few_ranges_are_named) {
    BOOST_TEST(packet::filter(*port_set::parse("1024-65535"), false) ==
               syns + " and (tcp dst portrange 1024-65535)");
    BOOST_TEST(packet::filter(*port_set::parse("22,1000-2000"), false) ==
               syns + " and (tcp dst portrange 22-22 or tcp dst portrange 1000-2000)");
    BOOST_TEST(packet::filter(every_tenth(16), false).find("1010-1010") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_ranges_become_one) {
    BOOST_TEST(packet::filter(every_tenth(17), false) == syns + " and (tcp dst portrange 1000-1160)");
}

BOOST_AUTO_TEST_CASE(tagged_frames_come_last) {
    const auto plain = packet::filter(*port_set::parse("1024-65535"), false);
    BOOST_TEST(packet::filter(*port_set::parse("1024-65535"), true) ==
               "(" + plain + ") or (vlan and vlan and " + plain + ")");
}

BOOST_AUTO_TEST_SUITE_END()

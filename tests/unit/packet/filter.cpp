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

// That the text means what it should is tested where a kernel runs it: tests/unit/io/test_capture.cpp.
BOOST_AUTO_TEST_SUITE(filter)

BOOST_AUTO_TEST_CASE(every_port_needs_no_term) {
    BOOST_TEST(packet::filter({.syns = *port_set::parse("0-65535")}, false) == syns);
    BOOST_TEST(packet::filter({.syns = port_set{}}, false) == syns);
}

BOOST_AUTO_TEST_CASE(few_ranges_are_named) {
    BOOST_TEST(packet::filter({.syns = *port_set::parse("1024-65535")}, false) ==
               syns + " and (tcp dst portrange 1024-65535)");
    BOOST_TEST(packet::filter({.syns = *port_set::parse("22,1000-2000")}, false) ==
               syns + " and (tcp dst portrange 22-22 or tcp dst portrange 1000-2000)");
    BOOST_TEST(packet::filter({.syns = every_tenth(16)}, false).find("1010-1010") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_ranges_become_one) {
    BOOST_TEST(packet::filter({.syns = every_tenth(17)}, false) ==
               syns + " and (tcp dst portrange 1000-1160)");
}

BOOST_AUTO_TEST_CASE(tagged_frames_come_last) {
    const auto plain = packet::filter({.syns = *port_set::parse("1024-65535")}, false);
    BOOST_TEST(packet::filter({.syns = *port_set::parse("1024-65535")}, true) ==
               "(" + plain + ") or (vlan and vlan and " + plain + ")");
}

BOOST_AUTO_TEST_CASE(datagrams_are_wished_beside_syns_or_alone) {
    const auto dns = *port_set::parse("53");
    const auto few = *port_set::parse("7000,62201-62203");
    BOOST_TEST(packet::filter({.datagrams = dns}, false) == "udp and (udp dst portrange 53-53)");
    BOOST_TEST(packet::filter({.datagrams = *port_set::parse("0-65535")}, false) == "udp");
    const auto both = "((" + syns +
                      " and (tcp dst portrange 1024-65535)) or (udp and (udp dst portrange 7000-7000 "
                      "or udp dst portrange 62201-62203)))";
    const packet::capture_wish wish{.syns = *port_set::parse("1024-65535"), .datagrams = few};
    BOOST_TEST(packet::filter(wish, false) == both);
    BOOST_TEST(packet::filter(wish, true) == "(" + both + ") or (vlan and vlan and " + both + ")");
}

BOOST_AUTO_TEST_CASE(echo_requests_are_wished_beside_others_or_alone) {
    const std::string echoes = "(icmp[0] == 8 or (ip6[6] == 58 and ip6[40] == 128))";
    BOOST_TEST(packet::filter({.echoes = true}, false) == echoes);
    BOOST_TEST(packet::filter({.syns = *port_set::parse("0-65535"), .echoes = true}, false) ==
               "((" + syns + ") or (" + echoes + "))");
}

BOOST_AUTO_TEST_CASE(the_snapshot_holds_the_headers_and_the_wished_payload) {
    BOOST_TEST(packet::snapshot_length({.syns = *port_set::parse("1024-65535")}) == 128u);
    BOOST_TEST(packet::snapshot_length({.most_of_payload = 1000}) == 128u); // of no datagram
    const auto ports = *port_set::parse("53");
    BOOST_TEST(packet::snapshot_length({.datagrams = ports}) == 128u);
    // Ethernet with two tags, IPv4 with options, UDP.
    BOOST_TEST(packet::snapshot_length({.datagrams = ports, .most_of_payload = 300}) == 22u + 60 + 8 + 300);
}

BOOST_AUTO_TEST_CASE(a_log_tells_no_payload) {
    const auto ports = *port_set::parse("1-2");
    BOOST_TEST(!packet::capture_wish{.syns = ports}.needs_packets());
    BOOST_TEST((!packet::capture_wish{.syns = ports, .datagrams = ports}.needs_packets()));
    BOOST_TEST((packet::capture_wish{.datagrams = ports, .most_of_payload = 1}.needs_packets()));
}

BOOST_AUTO_TEST_SUITE_END()

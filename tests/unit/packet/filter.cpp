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

std::string of(const char* ports, packet::size_range sizes) {
    return packet::filter({.datagrams = {{*port_set::parse(ports), sizes}}}, false);
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

BOOST_AUTO_TEST_CASE(of_many_ranges_the_nearest_become_one) {
    const auto tenths = every_tenth(15); // the last is 1140
    std::vector<port_range> some(tenths.ranges().begin(), tenths.ranges().end());
    some.insert(some.end(), {{994, 994}, {1143, 1143}, {1149, 1200}, {65000, 65000}});
    const auto text = packet::filter({.syns = port_set(some)}, false);
    BOOST_TEST(text.find("portrange 994-1000 or") != std::string::npos);
    BOOST_TEST(text.find("portrange 1010-1010 or") != std::string::npos);
    BOOST_TEST(text.find("portrange 1140-1200 or tcp dst portrange 65000-65000)") != std::string::npos);
    std::size_t terms = 0;
    for (auto at = text.find("portrange"); at != std::string::npos; at = text.find("portrange", at + 1))
        ++terms;
    BOOST_TEST(terms == 16u);
    // All of them are still in it, and where one is all that may be, it is that from the first to the last.
    BOOST_TEST(packet::filter({.syns = every_tenth(17)}, false).find("1000-") != std::string::npos);
    BOOST_TEST(packet::filter({.syns = every_tenth(17)}, false).find("-1160)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tagged_frames_come_last) {
    const auto plain = packet::filter({.syns = *port_set::parse("1024-65535")}, false);
    BOOST_TEST(packet::filter({.syns = *port_set::parse("1024-65535")}, true) ==
               "(" + plain + ") or (vlan and vlan and " + plain + ")");
}

BOOST_AUTO_TEST_CASE(datagrams_are_wished_beside_syns_or_alone) {
    const auto few = *port_set::parse("7000,62201-62203");
    BOOST_TEST(of("53", {}) == "udp and (udp dst portrange 53-53)");
    BOOST_TEST(of("0-65535", {}) == "udp");
    const auto both = "((" + syns +
                      " and (tcp dst portrange 1024-65535)) or (udp and (udp dst portrange 7000-7000 "
                      "or udp dst portrange 62201-62203)))";
    const packet::capture_wish wish{.syns = *port_set::parse("1024-65535"), .datagrams = {{few}}};
    BOOST_TEST(packet::filter(wish, false) == both);
    BOOST_TEST(packet::filter(wish, true) == "(" + both + ") or (vlan and vlan and " + both + ")");
}

// The length of UDP counts its header of 8 bytes.
BOOST_AUTO_TEST_CASE(datagrams_have_sizes) {
    const std::string port = " and (udp dst portrange 53-53)";
    BOOST_TEST(of("53", {57, 57}) == "(udp[4:2] == 65 or (ip6[6] == 17 and ip6[44:2] == 65))" + port);
    BOOST_TEST(of("53", {0, 0}) == "(udp[4:2] == 8 or (ip6[6] == 17 and ip6[44:2] == 8))" + port);
    BOOST_TEST(of("53", {19, 512}) == "(udp[4:2] >= 27 and udp[4:2] <= 520 or (ip6[6] == 17 and "
                                      "ip6[44:2] >= 27 and ip6[44:2] <= 520))" +
                                          port);
    BOOST_TEST(of("53", {19, packet::size_range::no_bound}) ==
               "(udp[4:2] >= 27 or (ip6[6] == 17 and ip6[44:2] >= 27))" + port);
    BOOST_TEST(of("53", {0, 512}) == "(udp[4:2] <= 520 or (ip6[6] == 17 and ip6[44:2] <= 520))" + port);
    BOOST_TEST(of("53", {0, 65527}) == "udp" + port); // there is no larger one
    BOOST_TEST(of("53", {1, 65526}).find("udp[4:2] <= 65534") != std::string::npos);
    BOOST_TEST(of("0-65535", {0, 0}) == "(udp[4:2] == 8 or (ip6[6] == 17 and ip6[44:2] == 8))");
}

BOOST_AUTO_TEST_CASE(wishes_for_datagrams_share_the_ranges_that_can_be_named) {
    const auto named = [](const std::string& text) {
        std::size_t count = 0;
        for (auto at = text.find("portrange"); at != text.npos; at = text.find("portrange", at + 1)) ++count;
        return count;
    };
    BOOST_TEST(named(packet::filter({.datagrams = {{every_tenth(128)}}}, false)) == 128u);
    BOOST_TEST(named(packet::filter({.datagrams = {{every_tenth(129)}}}, false)) == 128u);
    const packet::capture_wish many{
        .datagrams = {{every_tenth(100), {0, 0}}, {every_tenth(28), {1, 1}}, {every_tenth(90), {2, 2}}}};
    const auto text = packet::filter(many, false);
    BOOST_TEST(named(text) == 28u + 90 + 10);
    // Nothing is left for the last one: all from its first port to its last.
    const packet::capture_wish more{.datagrams = {{every_tenth(128), {1, 1}}, {every_tenth(129), {0, 0}}}};
    BOOST_TEST(packet::filter(more, false)
                   .find("(udp[4:2] == 8 or (ip6[6] == 17 and ip6[44:2] == 8)) and "
                         "(udp dst portrange 1000-2280)") != std::string::npos);
}

// ICMP has no length: what IP says, less its own header, counts a header of 8 bytes.
BOOST_AUTO_TEST_CASE(echo_requests_are_wished_beside_others_or_alone) {
    const std::string echoes = "((icmp[0] == 8) or (ip6[6] == 58 and ip6[40] == 128))";
    BOOST_TEST(packet::filter({.echoes = packet::size_range{}}, false) == echoes);
    BOOST_TEST(packet::filter({.syns = *port_set::parse("0-65535"), .echoes = packet::size_range{}}, false) ==
               "((" + syns + ") or (" + echoes + "))");
    BOOST_TEST(packet::filter({.echoes = packet::size_range{57, 57}}, false) ==
               "((icmp[0] == 8 and ip[2:2] - ((ip[0] & 15) << 2) == 65) or "
               "(ip6[6] == 58 and ip6[40] == 128 and ip6[4:2] == 65))");
}

BOOST_AUTO_TEST_CASE(the_snapshot_holds_the_headers_and_more_than_the_wished_payload) {
    const auto ports = *port_set::parse("53");
    BOOST_TEST(packet::snapshot_length({.syns = *port_set::parse("1024-65535")}) == 22u + 60 + 14);
    BOOST_TEST(packet::snapshot_length({.datagrams = {{ports}}}) == 96u); // nobody looks at what is in it
    BOOST_TEST(packet::snapshot_length({.datagrams = {{ports, {0, 0}}}}) == 96u);
    // Ethernet with two tags, IPv4 with options, UDP; and one byte.
    const packet::capture_wish wish{.datagrams = {{ports, {0, 300}}, {ports}, {ports, {57, 57}}}};
    BOOST_TEST(packet::snapshot_length(wish) == 22u + 60 + 8 + 300 + 1);
    BOOST_TEST(packet::snapshot_length({.echoes = packet::size_range{57, 57}}) == 22u + 60 + 8 + 57 + 1);
}

BOOST_AUTO_TEST_SUITE_END()

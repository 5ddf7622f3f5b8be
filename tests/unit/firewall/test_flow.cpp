#include "firewall/flow.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using firewall::flow;
using firewall::parse_proc_net_tcp;

namespace {

// From a little-endian machine, as all that this is built for are.
constexpr auto tcp4 =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n"
    "   1: 010011AC:0016 070200C0:C3A4 01 00000000:00000000 02:000AEE9C 00000000     0        0 2 2 0\n"
    "   2: 010011AC:0016 080200C0:C3A5 06 00000000:00000000 02:000AEE9C 00000000     0        0 3 2 0\n"
    "   3: 010011AC:0016 090200C0:C3A6 03 00000000:00000000 02:000AEE9C 00000000     0        0 4 2 0\n"
    "  10: 010011AC:01BB 0A0200C0:FFFF 08 00000000:00000000 02:000AEE9C 00000000     0        0 5 2 0";

constexpr auto tcp6 =
    "  sl  local_address                         remote_address                        st tx_queue\n"
    "   0: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:8000 01 0:0 00:0\n"
    "   1: 0000000000000000FFFF0000010011AC:0016 0000000000000000FFFF0000070200C0:8001 01 0:0 00:0\n";

} // namespace

BOOST_AUTO_TEST_SUITE(connections)

BOOST_AUTO_TEST_CASE(only_open_ones_are_taken) {
    const auto open = parse_proc_net_tcp(tcp4);
    BOOST_REQUIRE_EQUAL(open.size(), 2u);
    BOOST_TEST((open[0] == flow{transport::tcp, *address::parse("192.0.2.7"), 0xc3a4, 22}));
    BOOST_TEST((open[1] == flow{transport::tcp, *address::parse("192.0.2.10"), 0xffff, 443}));
}

BOOST_AUTO_TEST_CASE(ipv4_within_ipv6_is_ipv4) {
    const auto open = parse_proc_net_tcp(tcp6);
    BOOST_REQUIRE_EQUAL(open.size(), 2u);
    BOOST_TEST((open[0] == flow{transport::tcp, *address::parse("2001:db8::2"), 0x8000, 22}));
    BOOST_TEST((open[1] == flow{transport::tcp, *address::parse("192.0.2.7"), 0x8001, 22}));
}

BOOST_AUTO_TEST_CASE(ports_at_which_a_socket_listens) {
    BOOST_TEST((firewall::parse_listening_ports(tcp4) == std::set<std::uint16_t>{22}));
    BOOST_TEST(firewall::parse_listening_ports(tcp6).empty());
}

BOOST_AUTO_TEST_CASE(lines_of_another_form_are_passed_over) {
    for (const auto* text : {"", "\n\n", "0: 010011AC 070200C0:C3A4 01", "0: 010011AC:0016 070200C0:C3A4",
                             "0: 010011AC:0016 070200C0:C3A4 ", "0: 010011AC:0016 070200C0:10000 01",
                             "0: 010011AG:0016 070200C0:C3A4 01", "0: 010011AC:0016 070200C00:C3A4 01",
                             "0: :0016 070200C0:C3A4 01", "0: 010011AC:0016 070200C0: 01", "0:", "    "})
        BOOST_TEST(parse_proc_net_tcp(text).empty(), text);
}

BOOST_AUTO_TEST_SUITE_END()

#include "firewall/reset.hpp"

#include <boost/test/unit_test.hpp>
#include <string_view>

using namespace chronoknock::firewall;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// The rules of one chain.
std::string rules_of(const std::string& text, const std::string& chain) {
    const auto head = "\tchain " + chain + " {\n";
    const auto at = text.find(head);
    BOOST_REQUIRE(at != text.npos);
    return text.substr(at + head.size(), text.find("\t}\n", at) - at - head.size());
}

} // namespace

BOOST_AUTO_TEST_SUITE(reset)

BOOST_AUTO_TEST_CASE(no_packet_leaves_a_chain_alive) {
    const auto text = reset_chains("{ 22 }");
    for (const auto* chain : {"refuse", "refuse_tcp", "refuse_udp"})
        BOOST_TEST(rules_of(text, chain).ends_with("\t\tcounter drop\n"), chain);
    // What is accepted on its way to the input hook is the first part of a datagram to this host, nothing
    // else.
    const auto refuse = rules_of(text, "refuse");
    const auto accept = refuse.find("accept");
    BOOST_TEST(refuse.find("accept", accept + 1) == refuse.npos);
    BOOST_TEST(has(refuse, "\t\tfib daddr type local ip frag-off & 0x2000 != 0 accept\n"));
    BOOST_TEST(!has(rules_of(text, "refuse_tcp") + rules_of(text, "refuse_udp"), "accept"));
}

BOOST_AUTO_TEST_CASE(only_resets_from_guarded_ports_are_changed) {
    const auto answers = rules_of(reset_chains("{ 22, 80-90 }"), "answers");
    BOOST_TEST(has(answers, "\t\ttcp flags & rst == 0 accept\n\t\ttcp sport != { 22, 80-90 } accept\n"));
    BOOST_TEST(!has(reset_chains(""), "chain answers"));
}

BOOST_AUTO_TEST_CASE(headers_and_lengths) {
    const auto text = reset_chains("{ 22 }");
    BOOST_TEST(has(text, "tcp doff 6 ip hdrlength 5 ip length < 44 drop\n"));
    BOOST_TEST(has(text, "tcp doff 15 ip6 nexthdr tcp ip6 length < 60 drop\n"));
    // 20 bytes of header more, and their carry.
    BOOST_TEST(has(text, "ip hdrlength 5 @nh,24,8 . @th,40,8 != { 20 . 0, 21 . 1, "));
    BOOST_TEST(has(text, ", 255 . 235, 0 . 236, "));
    BOOST_TEST(has(text, "@th,40,8 >= 236 @nh,16,8 . @th,32,8 != { 1 . 0, "));
}

BOOST_AUTO_TEST_CASE(maps_are_bounded) {
    for (const auto* map : {"tos4", "tos6"})
        BOOST_TEST(has(reset_maps(), "\tmap " + std::string(map) + " { "));
    BOOST_TEST(has(reset_maps(), "timeout 4ms; size 65536; }"));
}

BOOST_AUTO_TEST_SUITE_END()

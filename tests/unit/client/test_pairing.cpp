// Which address a knock names that opens for one of each family.
#include "client/pairing.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace chronoknock;
using namespace chronoknock::client;

namespace {

address ip(const char* text) { return *address::parse(text); }

const side v4{ip("198.51.100.1"), ip("203.0.113.7")};
const side behind_nat{ip("198.51.100.1"), ip("192.168.1.7")};
const side v6{ip("2001:db8::1"), ip("2001:db8:1::7")};
const side unique_local{ip("2001:db8::1"), ip("fd00::7")};

/// "way, address", or the error.
std::string chosen(const std::vector<side>& ways, const std::optional<address>& named = {},
                   bool only_v4 = false) {
    const auto p = choose_pairing(ways, named, only_v4);
    return p ? std::to_string(p->by) + ", " + p->named.to_string() : p.error().text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(pairing_of_families)

BOOST_AUTO_TEST_CASE(ipv6_is_named_and_ipv4_seen) {
    BOOST_TEST(chosen({v6, v4}) == "1, 2001:db8:1::7");
    BOOST_TEST(chosen({behind_nat, v6}) == "0, 2001:db8:1::7"); // what a router replaces the server sees
}

BOOST_AUTO_TEST_CASE(what_a_router_replaces_is_not_named) {
    BOOST_TEST(chosen({v4, unique_local}) == "1, 203.0.113.7");
    BOOST_TEST(chosen({behind_nat, unique_local}) ==
               "a router replaces fd00::7: an address instead of auto says which one the server sees");
}

BOOST_AUTO_TEST_CASE(a_method_without_room_for_ipv6_names_ipv4) {
    BOOST_TEST(chosen({v4, v6}, {}, true) == "1, 203.0.113.7");
    BOOST_TEST(chosen({behind_nat, v6}, {}, true) ==
               "a router replaces 192.168.1.7: an address instead of auto says which one the server sees");
}

BOOST_AUTO_TEST_CASE(an_address_that_is_given_is_named) {
    BOOST_TEST(chosen({v6, behind_nat}, ip("2001:db8::9")) == "1, 2001:db8::9");
    BOOST_TEST(chosen({v6, v4}, ip("203.0.113.9")) == "0, 203.0.113.9");
    BOOST_TEST(chosen({v4}, ip("203.0.113.9")) ==
               "no way to the target by IPv6, which a knock that names 203.0.113.9 has to go by");
}

BOOST_AUTO_TEST_CASE(a_target_of_one_family_has_no_pair) {
    for (const auto& one : {v4, v6})
        BOOST_TEST(chosen({one}) ==
                   "expected ways to the target by IPv4 and by IPv6, to find an address of each; "
                   "an address instead of auto says it");
}

BOOST_AUTO_TEST_SUITE_END()

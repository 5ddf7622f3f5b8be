#include "grant/noise.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;

namespace {
const auto here = *address::parse("192.0.2.1");
const auto there = *address::parse("192.0.2.2");
} // namespace

BOOST_AUTO_TEST_CASE(a_line_a_minute_for_each_address) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    noise n(2);
    BOOST_TEST((n.refused(here, "a replay", t(0)) == noise::line{here, "a replay", 1}));
    for (int i = 1; i < 1000; ++i) BOOST_TEST(!n.refused(here, "a replay", t(1)));
    BOOST_TEST(n.due(t(59)).empty());
    BOOST_TEST((n.due(t(60)) == std::vector{noise::line{here, "a replay", 999}}));
    BOOST_TEST(!n.refused(here, "a replay", t(61)));
    BOOST_TEST(n.due(t(120)).size() == 1u);
    BOOST_TEST(n.due(t(180)).empty()); // quiet for a minute: forgotten
    BOOST_TEST(n.refused(here, "a replay", t(181)).has_value());
}

BOOST_AUTO_TEST_CASE(many_addresses_are_told_as_one) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    noise n(2);
    BOOST_TEST(n.refused(here, "a replay", t(0)).has_value());
    BOOST_TEST(n.refused(there, "a replay", t(0)).has_value());
    for (std::uint8_t i = 0; i < 200; ++i) {
        const std::uint8_t bytes[] = {10, 0, 0, i};
        BOOST_TEST(!n.refused(address::v4(bytes), "a replay", t(1)));
    }
    BOOST_TEST((n.due(t(61)) == std::vector{noise::line{std::nullopt, "a replay", 200}}));
    BOOST_TEST(n.due(t(200)).empty());
}

BOOST_AUTO_TEST_CASE(of_many_lines_a_minute_their_number_is_told) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    tally lines(2);
    BOOST_TEST(lines.tell("alice", t(0)));
    BOOST_TEST(lines.tell("alice", t(1)));
    for (int i = 0; i < 1000; ++i) BOOST_TEST(!lines.tell("alice", t(2)));
    BOOST_TEST(lines.tell("bob", t(2)));
    BOOST_TEST(lines.due(t(59)).empty());
    BOOST_TEST((lines.due(t(60)) == std::vector{tally::line{"alice", 1000}}));
    BOOST_TEST(lines.tell("alice", t(60)));
    BOOST_TEST(lines.due(t(500)).empty());
}

#include "packet/sieve.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace chronoknock;
using verdict = packet::sieve::verdict;

namespace chronoknock::packet {
std::ostream& operator<<(std::ostream& out, sieve::verdict v) {
    return out << (v == verdict::wanted ? "wanted" : v == verdict::outside ? "outside" : "elsewhere");
}
} // namespace chronoknock::packet

namespace {

packet::event to(const char* destination, std::uint16_t port, packet::kind kind = packet::kind::syn) {
    return {.destination = *address::parse(destination), .kind = kind, .port = port};
}

packet::sieve make() {
    packet::sieve s({.syns = *port_set::parse("1000-2000,3000"), .datagrams = {{*port_set::parse("53")}}});
    s.set_destinations(prefix_set(std::vector{*prefix::parse("192.0.2.2"), *prefix::parse("2001:db8::/64")}));
    return s;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sieve)

BOOST_AUTO_TEST_CASE(each_protocol_has_ports_of_its_own) {
    const auto s = make();
    for (const std::uint16_t port : std::vector<std::uint16_t>{1000, 2000, 3000}) {
        BOOST_TEST(s.judge(to("192.0.2.2", port)) == verdict::wanted);
        BOOST_TEST(s.judge(to("192.0.2.2", port, packet::kind::datagram)) == verdict::outside);
    }
    for (const std::uint16_t port : std::vector<std::uint16_t>{999, 2001, 53, 0, 65535})
        BOOST_TEST(s.judge(to("192.0.2.2", port)) == verdict::outside);
    BOOST_TEST(s.judge(to("192.0.2.2", 53, packet::kind::datagram)) == verdict::wanted);
    BOOST_TEST(s.judge(to("192.0.2.2", 0, packet::kind::echo)) == verdict::outside);
}

BOOST_AUTO_TEST_CASE(echo_requests_have_no_port) {
    packet::sieve s({.echoes = packet::size_range{}});
    s.set_destinations(prefix_set(std::vector{*prefix::parse("192.0.2.2")}));
    BOOST_TEST(s.judge(to("192.0.2.2", 0, packet::kind::echo)) == verdict::wanted);
    BOOST_TEST(s.judge(to("192.0.2.3", 0, packet::kind::echo)) == verdict::elsewhere);
    BOOST_TEST(s.judge(to("192.0.2.2", 0)) == verdict::outside);
}

BOOST_AUTO_TEST_CASE(each_wish_for_datagrams_has_sizes_of_its_own) {
    packet::sieve s({.datagrams = {{*port_set::parse("53,7"), {19, 512}}, {*port_set::parse("7"), {0, 0}}},
                     .echoes = packet::size_range{57, 57}});
    s.set_destinations(prefix_set(std::vector{*prefix::parse("192.0.2.2")}));
    const std::vector<std::uint8_t> bytes(513);
    const auto is_wanted = [&](packet::kind kind, std::uint16_t port, std::size_t size) {
        auto e = to("192.0.2.2", port, kind);
        e.payload = std::span(bytes).first(size);
        return s.judge(e) == verdict::wanted;
    };
    using enum packet::kind;
    for (const std::uint16_t port : std::vector<std::uint16_t>{53, 7}) {
        for (const std::size_t size : {19u, 20u, 512u}) BOOST_TEST(is_wanted(datagram, port, size));
        for (const std::size_t size : {1u, 18u, 513u}) BOOST_TEST(!is_wanted(datagram, port, size));
        BOOST_TEST(is_wanted(datagram, port, 0) == (port == 7));
    }
    for (const std::size_t size : {0u, 56u, 57u, 58u}) BOOST_TEST(is_wanted(echo, 0, size) == (size == 57));
}

BOOST_AUTO_TEST_CASE(bounds_of_datagrams_reach_to_the_ends) {
    const std::vector<std::uint8_t> bytes(65535);
    const auto is_wanted = [&](packet::datagram_wish wish, std::uint16_t port, std::size_t size) {
        packet::sieve s({.datagrams = {std::move(wish)}});
        s.set_destinations(prefix_set(std::vector{*prefix::parse("192.0.2.2")}));
        auto e = to("192.0.2.2", port, packet::kind::datagram);
        e.payload = std::span(bytes).first(size);
        return s.judge(e) == verdict::wanted;
    };
    for (const std::uint16_t port : std::vector<std::uint16_t>{0, 1, 65534, 65535})
        for (const std::size_t size : {0u, 1u, 65534u, 65535u}) {
            BOOST_TEST(is_wanted({*port_set::parse("0-65535")}, port, size));
            BOOST_TEST(is_wanted({*port_set::parse("1-65534"), {1, 65534}}, port, size) ==
                       (port % 65535 != 0 && size % 65535 != 0));
            BOOST_TEST(is_wanted({*port_set::parse("65535"), {0, 0}}, port, size) ==
                       (port == 65535 && size == 0));
            BOOST_TEST(is_wanted({*port_set::parse("0"), {65535, 65535}}, port, size) ==
                       (port == 0 && size == 65535));
        }
}

BOOST_AUTO_TEST_CASE(text_is_wished_for_by_its_first_eight_bytes) {
    packet::sieve s({.datagrams = {{*port_set::parse("7"), {0, 128}, packet::content::ascii}}});
    s.set_destinations(prefix_set(std::vector{*prefix::parse("192.0.2.2")}));
    const auto is_wanted = [&](std::span<const std::uint8_t> payload) {
        auto e = to("192.0.2.2", 7, packet::kind::datagram);
        e.payload = payload;
        return s.judge(e) == verdict::wanted;
    };
    const std::vector<std::uint8_t> text(57, 0x7f);
    for (const std::size_t size : {0u, 7u, 8u, 57u}) BOOST_TEST(is_wanted(std::span(text).first(size)));
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto other = text;
        other[i] = 0x80;
        BOOST_TEST(is_wanted(other) == (i >= 8));
        // Too short to tell: whoever wished for it looks.
        if (i < 7) BOOST_TEST(is_wanted(std::span(other).first(7)));
    }
}

BOOST_AUTO_TEST_CASE(only_what_is_addressed_here_counts) {
    const auto s = make();
    BOOST_TEST(s.judge(to("192.0.2.3", 1000)) == verdict::elsewhere);
    BOOST_TEST(s.judge(to("2001:db8::77", 1000)) == verdict::wanted);
    BOOST_TEST(s.judge(to("2001:db8:0:1::77", 1000)) == verdict::elsewhere);
}

BOOST_AUTO_TEST_CASE(nothing_counts_before_the_destinations_are_known) {
    const packet::sieve s({.syns = *port_set::parse("0-65535")});
    for (const auto* destination : {"127.0.0.1", "192.0.2.2", "::1", "0.0.0.0"})
        BOOST_TEST(s.judge(to(destination, 1000)) == verdict::elsewhere);
}

BOOST_AUTO_TEST_SUITE_END()

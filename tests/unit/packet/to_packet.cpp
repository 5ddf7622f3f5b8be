#include "packet/to_packet.hpp"
#include "packet/decode.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

namespace {

/// The sum of RFC 1071 over a packet's words; 0xffff if its checksum is right.
std::uint32_t folded(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

} // namespace

BOOST_AUTO_TEST_CASE(datagram_as_a_packet_is_read_back) {
    for (const auto& [from, to] : {std::pair{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:1::7"}})
        for (const std::size_t size : {0u, 1u, 50u}) {
            const packet::datagram d{*address::parse(from), 40001, *address::parse(to), 65535,
                                     std::vector<std::uint8_t>(size, 0xa5)};
            const auto p = packet::to_packet(d);
            packet::event e;
            BOOST_REQUIRE((packet::decode(packet::link::raw_ip, p, e) == packet::verdict::event));
            BOOST_TEST((e.kind == packet::kind::datagram));
            BOOST_TEST((e.source == d.source));
            BOOST_TEST((e.destination == d.destination));
            BOOST_TEST(e.source_port == d.source_port);
            BOOST_TEST(e.port == d.port);
            BOOST_TEST(e.payload.size() == size);
            const std::size_t udp = d.source.is_v4() ? 20 : 40;
            const auto addresses = std::span(p).subspan(d.source.is_v4() ? 12 : 8, d.source.is_v4() ? 8 : 32);
            if (d.source.is_v4()) BOOST_TEST(folded(std::span(p).first(20)) == 0xffffu);
            BOOST_TEST(folded(std::span(p).subspan(udp),
                              folded(addresses, 17 + 8 + static_cast<std::uint32_t>(size))) == 0xffffu);
        }
}

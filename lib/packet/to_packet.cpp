#include "packet/to_packet.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace chronoknock::packet {

namespace {

constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t hops = 64;
constexpr std::size_t udp_header = 8;
constexpr std::size_t ipv4_header = 20;

void put16(std::vector<std::uint8_t>& to, std::size_t n) {
    to.push_back(static_cast<std::uint8_t>(n >> 8));
    to.push_back(static_cast<std::uint8_t>(n));
}

void put(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

/// The sum of RFC 1071, not complemented.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    return sum;
}

std::uint16_t checksum(std::uint32_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

void set16(std::vector<std::uint8_t>& in, std::size_t at, std::uint16_t n) {
    in[at] = static_cast<std::uint8_t>(n >> 8);
    in[at + 1] = static_cast<std::uint8_t>(n);
}

} // namespace

std::vector<std::uint8_t> to_packet(const datagram& d) {
    const auto length = udp_header + d.payload.size();
    std::vector<std::uint8_t> p;
    if (d.destination.is_v4()) {
        put(p, std::array<std::uint8_t, 2>{0x45, 0});
        put16(p, ipv4_header + length);
        put16(p, 0);      // identification: the kernel gives one
        put16(p, 0x4000); // not to be fragmented
        put(p, std::array<std::uint8_t, 4>{hops, protocol_udp, 0, 0});
        put(p, d.source.bytes());
        put(p, d.destination.bytes());
        set16(p, 10, checksum(sum_of(p)));
    } else {
        put(p, std::array<std::uint8_t, 4>{0x60, 0, 0, 0});
        put16(p, length);
        put(p, std::array<std::uint8_t, 2>{protocol_udp, hops});
        put(p, d.source.bytes());
        put(p, d.destination.bytes());
    }
    const auto udp = p.size();
    put16(p, d.source_port);
    put16(p, d.port);
    put16(p, length);
    put16(p, 0);
    put(p, d.payload);
    const auto sum = sum_of(d.source.bytes()) + sum_of(d.destination.bytes()) + protocol_udp +
                     static_cast<std::uint32_t>(length) + sum_of(std::span(p).subspan(udp));
    const auto check = checksum(sum);
    set16(p, udp + 6, check == 0 ? 0xffff : check); // zero says that there is none (RFC 768)
    return p;
}

} // namespace chronoknock::packet

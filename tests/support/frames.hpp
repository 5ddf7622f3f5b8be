#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

/// Frames made by hand, checksums included, for tests and benchmarks.
namespace support {

using bytes = std::vector<std::uint8_t>;

inline void put16(bytes& to, std::uint32_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(bytes& to, std::uint32_t value) {
    put16(to, value >> 16);
    put16(to, value & 0xffff);
}
inline void put(bytes& to, std::span<const std::uint8_t> more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// The internet checksum (RFC 1071) of some bytes, begun with `sum`.
inline std::uint16_t checksum(std::span<const std::uint8_t> data, std::uint64_t sum = 0) {
    for (std::size_t i = 0; i < data.size(); ++i) sum += std::uint64_t{data[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

struct tcp_header {
    std::uint16_t source_port = 40000;
    std::uint16_t port = 2000;
    std::uint32_t sequence = 0x01020304;
    std::uint8_t flags = 0x02;
    std::uint8_t words = 5; ///< data offset; as many words of options as that says
};

inline bytes tcp(const tcp_header& h = {}) {
    bytes out;
    put16(out, h.source_port);
    put16(out, h.port);
    put32(out, h.sequence);
    put32(out, 0);
    out.push_back(static_cast<std::uint8_t>(h.words << 4));
    out.push_back(h.flags);
    put16(out, 64240);
    put32(out, 0); // checksum, urgent pointer
    if (h.words > 5) out.resize(h.words * 4u, 1);
    return out;
}

inline bytes udp(std::uint16_t source_port, std::uint16_t port, std::span<const std::uint8_t> payload) {
    bytes out;
    put16(out, source_port);
    put16(out, port);
    put16(out, static_cast<std::uint32_t>(8 + payload.size()));
    put16(out, 0);
    put(out, payload);
    return out;
}

/// Where the checksum of a TCP or UDP header stands.
inline std::size_t checksum_offset(std::uint8_t protocol) { return protocol == 6 ? 16 : 6; }

/// `addresses`: source and destination, together 8 or 32 bytes.
inline void seal(bytes& segment, std::span<const std::uint8_t> addresses, std::uint8_t protocol) {
    std::uint64_t pseudo = protocol + segment.size();
    for (std::size_t i = 0; i < addresses.size(); i += 2) pseudo += addresses[i] * 256u + addresses[i + 1];
    const auto sum = checksum(segment, pseudo);
    segment[checksum_offset(protocol)] = static_cast<std::uint8_t>(sum >> 8);
    segment[checksum_offset(protocol) + 1] = static_cast<std::uint8_t>(sum);
}

using ipv4_address = std::array<std::uint8_t, 4>;
using ipv6_address = std::array<std::uint8_t, 16>;

struct ipv4_header {
    ipv4_address source = {192, 0, 2, 1};
    ipv4_address destination = {192, 0, 2, 2};
    std::uint8_t protocol = 6;
    std::uint16_t fragment = 0x4000; ///< flags and offset
    std::uint8_t words = 5;
};

inline bytes ipv4(bytes segment, const ipv4_header& h = {}) {
    bytes addresses;
    put(addresses, h.source);
    put(addresses, h.destination);
    const bool sealable =
        (h.protocol == 6 && segment.size() >= 20) || (h.protocol == 17 && segment.size() >= 8);
    if (sealable) seal(segment, addresses, h.protocol);
    bytes out = {static_cast<std::uint8_t>(0x40 | h.words), 0};
    put16(out, static_cast<std::uint32_t>(h.words * 4 + segment.size()));
    put16(out, 0);
    put16(out, h.fragment);
    out.push_back(64);
    out.push_back(h.protocol);
    put16(out, 0);
    put(out, addresses);
    if (h.words > 5) out.resize(h.words * 4u, 1);
    const auto sum = checksum(out);
    out[10] = static_cast<std::uint8_t>(sum >> 8);
    out[11] = static_cast<std::uint8_t>(sum);
    put(out, segment);
    return out;
}

struct ipv6_header {
    ipv6_address source = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    ipv6_address destination = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    std::uint8_t next_header = 6;
};

inline bytes ipv6(bytes segment, const ipv6_header& h = {}) {
    bytes addresses;
    put(addresses, h.source);
    put(addresses, h.destination);
    const bool sealable =
        (h.next_header == 6 && segment.size() >= 20) || (h.next_header == 17 && segment.size() >= 8);
    if (sealable) seal(segment, addresses, h.next_header);
    bytes out = {0x60, 0, 0, 0};
    put16(out, static_cast<std::uint32_t>(segment.size()));
    out.push_back(h.next_header);
    out.push_back(64);
    put(out, addresses);
    put(out, segment);
    return out;
}

using mac_address = std::array<std::uint8_t, 6>;
constexpr mac_address broadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// `tags`: the EtherType of each VLAN tag, outermost first; the VLANs are 5, 6, 7 and so on.
inline bytes ethernet(std::span<const std::uint8_t> packet, std::initializer_list<std::uint16_t> tags = {},
                      const mac_address& destination = broadcast) {
    bytes out;
    put(out, destination);
    put(out, mac_address{2, 0, 0, 0, 0, 1});
    std::uint16_t vlan = 5;
    for (const auto tag : tags) {
        put16(out, tag);
        put16(out, vlan++);
    }
    put16(out, packet[0] >> 4 == 6 ? 0x86dd : 0x0800);
    put(out, packet);
    return out;
}

} // namespace support

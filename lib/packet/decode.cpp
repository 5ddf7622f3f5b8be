#include "packet/decode.hpp"

#include "base/reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace chronoknock::packet {
namespace {

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_vlan = 0x8100;         // 802.1Q
constexpr std::uint16_t ethertype_service_vlan = 0x88a8; // 802.1ad
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_icmpv6 = 58;
constexpr std::uint8_t echo_request = 8;      // RFC 792
constexpr std::uint8_t echo_request_v6 = 128; // RFC 4443, section 4.1
constexpr std::uint16_t more_fragments = 0x2000;
constexpr std::uint16_t fragment_offset = 0x1fff;
constexpr std::size_t least_ipv4_header = 20;
constexpr std::size_t least_tcp_header = 20;
constexpr std::size_t udp_header = 8;
constexpr std::size_t echo_header = 8;

enum tcp_flag : std::uint8_t { fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10 };

/// What of the IP header the rest needs to know.
struct ip_header {
    std::span<const std::uint8_t> source;
    std::span<const std::uint8_t> destination;
    /// What it says is left for the segment; the capture may hold less (snapshot length) or more (Ethernet
    /// padding).
    std::size_t length = 0;
};

address address_of(std::span<const std::uint8_t> bytes) {
    return bytes.size() == 4 ? address::v4(bytes.first<4>()) : address::v6(bytes.first<16>());
}

void write(const ip_header& ip, kind kind, std::uint16_t source_port, std::uint16_t port, event& out) {
    out.source = address_of(ip.source);
    out.destination = address_of(ip.destination);
    out.kind = kind;
    out.source_port = source_port;
    out.port = port;
}

/// To a group (224.0.0.0/4), or to all (255.255.255.255).
bool is_for_many(std::span<const std::uint8_t> ipv4) {
    return ipv4[0] / 16 == 14 || (ipv4[0] == 255 && ipv4[1] == 255 && ipv4[2] == 255 && ipv4[3] == 255);
}

bool is_mapped(std::span<const std::uint8_t> ipv6) {
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::ranges::equal(ipv6.first<12>(), mapped);
}

verdict decode_tcp(reader in, const ip_header& ip, event& out) {
    const auto source_port = in.u16();
    const auto port = in.u16();
    const auto sequence = in.u32();
    in.skip(4); // acknowledgment number
    const std::size_t header = std::size_t{in.u8()} / 16 * 4;
    const auto flags = in.u8();
    if (!in || header < least_tcp_header || header > ip.length) return verdict::malformed;
    // Linux drops a SYN that also says FIN or RST; it begins no connection, so it is no part of a knock.
    if ((flags & (fin | syn | rst | ack)) != syn) return verdict::other;
    write(ip, kind::syn, source_port, port, out);
    out.sequence = sequence;
    out.payload = {};
    return verdict::event;
}

verdict decode_udp(reader in, const ip_header& ip, event& out) {
    const auto source_port = in.u16();
    const auto port = in.u16();
    const std::size_t length = in.u16();
    in.skip(2); // checksum
    if (!in || length < udp_header || length > ip.length) return verdict::malformed;
    write(ip, kind::datagram, source_port, port, out);
    out.sequence = 0;
    out.payload = in.bytes(std::min(in.left(), length - udp_header));
    return verdict::event;
}

verdict decode_echo(reader in, const ip_header& ip, std::uint8_t request, event& out) {
    const auto type = in.u8();
    const auto code = in.u8();
    in.skip(6); // checksum, identifier, sequence number
    if (!in || ip.length < echo_header) return verdict::malformed;
    if (type != request || code != 0) return verdict::other;
    write(ip, kind::echo, 0, 0, out);
    out.sequence = 0;
    out.payload = in.bytes(std::min(in.left(), ip.length - echo_header));
    return verdict::event;
}

verdict decode_ipv4(reader in, event& out) {
    const auto first = in.u8();
    in.skip(1); // type of service
    const std::size_t total = in.u16();
    in.skip(2); // identification
    const auto fragment = in.u16();
    in.skip(1); // time to live
    const auto protocol = in.u8();
    in.skip(2); // checksum: the network stack's business, and absent where hardware computes it
    ip_header ip{in.bytes(4), in.bytes(4)};
    const std::size_t header = std::size_t{first} % 16 * 4;
    if (!in || first / 16 != 4 || header < least_ipv4_header || header > total) return verdict::malformed;
    if (protocol != protocol_tcp && protocol != protocol_udp && protocol != protocol_icmp)
        return verdict::other;
    if ((fragment & fragment_offset) != 0) return verdict::other; // only the first one has ports
    if (is_for_many(ip.destination)) return verdict::other;
    in.skip(header - least_ipv4_header); // options
    ip.length = total - header;
    if (protocol == protocol_tcp) return decode_tcp(in, ip, out);
    if ((fragment & more_fragments) != 0) return verdict::other;
    return protocol == protocol_udp ? decode_udp(in, ip, out) : decode_echo(in, ip, echo_request, out);
}

verdict decode_ipv6(reader in, event& out) {
    const auto first = in.u8();
    in.skip(3); // traffic class, flow label
    const std::size_t length = in.u16();
    const auto next_header = in.u8();
    in.skip(1); // hop limit
    const ip_header ip{in.bytes(16), in.bytes(16), length};
    if (!in || first / 16 != 6) return verdict::malformed;
    // No client puts an extension header before a SYN, and the kernel's filter lets none by.
    if (next_header != protocol_tcp && next_header != protocol_udp && next_header != protocol_icmpv6)
        return verdict::other;
    // An IPv4-mapped address is never on a wire; it must not pass for the IPv4 address.
    if (is_mapped(ip.source) || is_mapped(ip.destination)) return verdict::malformed;
    if (ip.destination[0] == 0xff) return verdict::other;
    if (next_header == protocol_tcp) return decode_tcp(in, ip, out);
    return next_header == protocol_udp ? decode_udp(in, ip, out) : decode_echo(in, ip, echo_request_v6, out);
}

/// An attribute's length and type, in the byte order of this machine: they never were on a wire.
std::uint16_t host_u16(reader& in) {
    std::uint16_t value = 0;
    if (const auto bytes = in.bytes(sizeof value); in) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

/// LINKTYPE_NFLOG: family, version, group; then attributes (linux/netfilter/nfnetlink_log.h) padded to four
/// bytes.
verdict decode_nflog(reader in, event& out) {
    constexpr std::uint8_t family_ipv4 = 2, family_ipv6 = 10; // AF_INET and AF_INET6 of Linux
    constexpr std::uint16_t payload = 9, type_mask = 0x3fff;  // NFULA_PAYLOAD, NLA_TYPE_MASK
    constexpr std::size_t attribute_header = 4;
    const auto family = in.u8();
    const auto version = in.u8();
    in.skip(2);
    if (!in || version != 0) return verdict::malformed;
    if (family != family_ipv4 && family != family_ipv6) return verdict::other;
    while (in.left() != 0) {
        const std::size_t length = host_u16(in);
        const auto type = host_u16(in);
        if (!in || length < attribute_header) return verdict::malformed;
        const auto value = in.bytes(length - attribute_header);
        if (!in) return verdict::malformed;
        if ((type & type_mask) == payload)
            return family == family_ipv4 ? decode_ipv4(reader(value), out) : decode_ipv6(reader(value), out);
        in.skip(std::min(in.left(), (4 - length % 4) % 4));
    }
    return verdict::other; // a rule may leave the packet out
}

/// The same for what nearly every frame is, at a third of the cost: no tag, an IPv4 header without options,
/// no fragment, a SYN. False if it is anything else; then nothing was written.
template <std::size_t type_at, std::size_t ip_at>
bool decode_usual(std::span<const std::uint8_t> frame, event& out) {
    constexpr std::size_t tcp_at = ip_at + least_ipv4_header;
    constexpr std::size_t through_flags = tcp_at + 14;
    constexpr std::uint8_t version_and_length = 0x45;
    if (frame.size() < through_flags) return false;
    const auto* const at = frame.data();
    const auto u16 = [at](std::size_t i) { return static_cast<std::uint16_t>(at[i] << 8 | at[i + 1]); };
    const std::size_t header = std::size_t{at[tcp_at + 12]} / 16 * 4;
    if (u16(type_at) != ethertype_ipv4 || at[ip_at] != version_and_length || at[ip_at + 9] != protocol_tcp ||
        (u16(ip_at + 6) & (more_fragments | fragment_offset)) != 0 || header < least_tcp_header ||
        least_ipv4_header + header > u16(ip_at + 2) || (at[tcp_at + 13] & (fin | syn | rst | ack)) != syn ||
        is_for_many(frame.subspan<ip_at + 16, 4>()))
        return false;
    out.source = address::v4(frame.subspan<ip_at + 12, 4>());
    out.destination = address::v4(frame.subspan<ip_at + 16, 4>());
    out.kind = kind::syn;
    out.source_port = u16(tcp_at);
    out.port = u16(tcp_at + 2);
    out.sequence = std::uint32_t{u16(tcp_at + 4)} << 16 | u16(tcp_at + 6);
    out.payload = {};
    return true;
}

} // namespace

verdict decode(link type, std::span<const std::uint8_t> frame, event& out) {
    if (type == link::ethernet && decode_usual<12, 14>(frame, out)) return verdict::event;
    if (type == link::cooked_v2 && decode_usual<0, 20>(frame, out)) return verdict::event;
    reader in(frame);
    std::uint16_t ethertype = 0;
    switch (type) {
    case link::ethernet:
        in.skip(12); // both addresses
        ethertype = in.u16();
        break;
    case link::cooked_v1:
        in.skip(14);
        ethertype = in.u16();
        break;
    case link::cooked_v2:
        ethertype = in.u16();
        in.skip(18);
        break;
    case link::nflog:
        return decode_nflog(in, out);
    case link::raw_ip:
        ethertype = !frame.empty() && frame[0] / 16 == 6 ? ethertype_ipv6 : ethertype_ipv4;
        break;
    }
    for (int tags = 0; tags < 2 && (ethertype == ethertype_vlan || ethertype == ethertype_service_vlan);
         ++tags) {
        in.skip(2); // priority and VLAN
        ethertype = in.u16();
    }
    if (!in) return verdict::malformed;
    if (ethertype == ethertype_ipv4) return decode_ipv4(in, out);
    if (ethertype == ethertype_ipv6) return decode_ipv6(in, out);
    return verdict::other;
}

} // namespace chronoknock::packet

#include "packet/syn.hpp"

#include "base/reader.hpp"

namespace chronoknock::packet {
namespace {

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_vlan = 0x8100;         // 802.1Q
constexpr std::uint16_t ethertype_service_vlan = 0x88a8; // 802.1ad
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::size_t least_ipv4_header = 20;
constexpr std::size_t least_tcp_header = 20;

enum tcp_flag : std::uint8_t { fin = 0x01, syn_bit = 0x02, rst = 0x04, ack = 0x10 };

/// `length`: what the IP header says is left for TCP; the capture may hold less (snapshot length) or more
/// (Ethernet padding).
verdict decode_tcp(reader in, std::size_t length, const address& source, syn& out) {
    const auto source_port = in.u16();
    const auto port = in.u16();
    const auto sequence = in.u32();
    in.skip(4); // acknowledgment number
    const std::size_t header = std::size_t{in.u8()} / 16 * 4;
    const auto flags = in.u8();
    if (!in || header < least_tcp_header || header > length) return verdict::malformed;
    // Linux drops a SYN that also says FIN or RST; it begins no connection, so it is no part of a knock.
    if ((flags & (fin | syn_bit | rst | ack)) != syn_bit) return verdict::other;
    out = {source, source_port, port, sequence};
    return verdict::syn;
}

verdict decode_ipv4(reader in, syn& out) {
    const auto first = in.u8();
    in.skip(1); // type of service
    const std::size_t total = in.u16();
    in.skip(2); // identification
    const auto fragment = in.u16();
    in.skip(1); // time to live
    const auto protocol = in.u8();
    in.skip(2); // checksum: the network stack's business, and absent where hardware computes it
    const auto source = in.bytes(4);
    in.skip(4); // destination
    const std::size_t header = std::size_t{first} % 16 * 4;
    if (!in || first / 16 != 4 || header < least_ipv4_header || header > total) return verdict::malformed;
    if (protocol != protocol_tcp) return verdict::other;
    if ((fragment & 0x1fff) != 0) return verdict::other; // only the first fragment has the TCP header
    in.skip(header - least_ipv4_header);                 // options
    return decode_tcp(in, total - header, address::v4(source.first<4>()), out);
}

verdict decode_ipv6(reader in, syn& out) {
    const auto first = in.u8();
    in.skip(3); // traffic class, flow label
    const std::size_t length = in.u16();
    const auto next_header = in.u8();
    in.skip(1); // hop limit
    const auto source = in.bytes(16);
    in.skip(16); // destination
    if (!in || first / 16 != 6) return verdict::malformed;
    // No client puts an extension header before a SYN, and the kernel's filter lets none by.
    if (next_header != protocol_tcp) return verdict::other;
    const auto from = address::v6(source.first<16>());
    // An IPv4-mapped address is never on a wire; it must not pass for the IPv4 address.
    if (from.is_v4()) return verdict::malformed;
    return decode_tcp(in, length, from, out);
}

} // namespace

verdict decode(link type, std::span<const std::uint8_t> frame, syn& out) {
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

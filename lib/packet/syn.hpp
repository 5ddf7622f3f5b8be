#pragma once

#include "base/address.hpp"

#include <cstdint>
#include <span>

namespace chronoknock::packet {

/// A TCP SYN without ACK, as the knock tracker wants it.
struct syn {
    address source;
    std::uint16_t source_port = 0;
    std::uint16_t port = 0;     ///< destination port
    std::uint32_t sequence = 0; ///< TCP sequence number: a retransmission repeats it
};

/// What a frame begins with.
enum class link {
    ethernet,
    cooked_v1, ///< Linux cooked capture: what libpcap gives for a PPP interface
    cooked_v2, ///< the same with an interface index: the device "any"
    raw_ip,
};

enum class verdict {
    syn,       ///< a TCP SYN without ACK
    other,     ///< something else, whole
    malformed, ///< cut short, or fields that contradict each other
};

/// Decodes one captured frame: Ethernet with up to two tags (802.1Q, 802.1ad), cooked, raw IP; IPv4 (RFC
/// 791), IPv6 (RFC 8200) without extension headers; TCP (RFC 9293). The frame may have been cut after the TCP
/// flags. `out` is written only when the verdict is syn. Never reads past the frame, never throws.
[[nodiscard]] verdict decode(link type, std::span<const std::uint8_t> frame, syn& out);

} // namespace chronoknock::packet

#pragma once

#include "packet/event.hpp"

#include <cstdint>
#include <span>

namespace chronoknock::packet {

/// What a frame begins with.
enum class link {
    ethernet,
    cooked_v1, ///< Linux cooked capture: what libpcap gives for a PPP interface
    cooked_v2, ///< the same with an interface index: the device "any"
    raw_ip,
    nflog, ///< what a rule hands to a log group of netfilter: its attributes, one of them the IP packet
};

enum class verdict {
    event,     ///< a TCP SYN without ACK, a UDP datagram, or an echo request
    other,     ///< something else, whole
    malformed, ///< cut short, or fields that contradict each other
};

/// Decodes one captured frame: Ethernet with up to two tags (802.1Q, 802.1ad), cooked, raw IP, NFLOG; IPv4
/// (RFC 791), IPv6 (RFC 8200) without extension headers; TCP (RFC 9293), UDP (RFC 768), echo requests of ICMP
/// (RFC 792) and ICMPv6 (RFC 4443). The frame may have been cut after the TCP flags or the header of UDP or
/// an echo request. What is sent to a group or to all is `other`, and so is a datagram in fragments. `out` is
/// written only when the verdict is event. Never reads past the frame, never throws.
[[nodiscard]] verdict decode(link type, std::span<const std::uint8_t> frame, event& out);

} // namespace chronoknock::packet

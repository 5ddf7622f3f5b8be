#pragma once

#include "base/address.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace chronoknock::packet {

/// What a knock can be made of: a TCP SYN without ACK, a UDP datagram, an ICMP or ICMPv6 echo request.
enum class kind : std::uint8_t { syn, datagram, echo };

/// What a method may look at, from a frame or a line of a log alike. There are no TCP flags in it, since no
/// other segment than a SYN becomes an event.
struct event {
    address source{};
    address destination{};
    packet::kind kind = packet::kind::syn;
    std::uint16_t source_port = 0;
    std::uint16_t port = 0;     ///< destination port; of an echo request 0
    std::uint32_t sequence = 0; ///< TCP sequence number: a retransmission repeats it
    std::span<const std::uint8_t>
        payload{}; ///< of a datagram, data of an echo request; as far as captured; valid until the next event
    /// The name that a datagram to port 53 asks for (dns_question()), read once for all methods; else empty.
    std::string_view asked_name{};
};

} // namespace chronoknock::packet

#pragma once

#include "base/address.hpp"
#include "base/service.hpp"

#include <cstdint>
#include <span>

namespace chronoknock::packet {

/// What a method may look at, from a frame or a line of a log alike: a TCP SYN without ACK, or a UDP
/// datagram. There are no TCP flags in it, since no other segment becomes an event.
struct event {
    address source{};
    address destination{};
    transport protocol = transport::tcp;
    std::uint16_t source_port = 0;
    std::uint16_t port = 0;     ///< destination port
    std::uint32_t sequence = 0; ///< TCP sequence number: a retransmission repeats it
    std::span<const std::uint8_t>
        payload{}; ///< of a datagram, as far as captured; valid until the next event
};

} // namespace chronoknock::packet

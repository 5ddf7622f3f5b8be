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
enum class link { ethernet, cooked_v2, raw_ip };

enum class verdict {
    syn,       ///< a TCP SYN without ACK
    other,     ///< something else, whole
    malformed, ///< cut short, or fields that contradict each other
};

/// Decodes one captured frame (Ethernet and 802.1Q/802.1ad, SLL2, raw IP; IPv4, IPv6; TCP). `out` is written
/// only when the verdict is syn. Never reads past the frame, never throws.
[[nodiscard]] verdict decode(link type, std::span<const std::uint8_t> frame, syn& out);

} // namespace chronoknock::packet

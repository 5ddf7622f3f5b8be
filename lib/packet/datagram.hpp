#pragma once

#include "base/address.hpp"

#include <cstdint>
#include <vector>

namespace chronoknock::packet {

/// A UDP datagram to be sent, from an address and a port of this host.
struct datagram {
    address source;
    std::uint16_t source_port;
    address destination;
    std::uint16_t port; ///< destination port
    std::vector<std::uint8_t> payload;
    bool operator==(const datagram&) const = default;
};

} // namespace chronoknock::packet

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

/// It as a whole IPv4 or IPv6 packet, checksums included (RFC 768, RFC 791, RFC 8200), as a raw socket takes it.
/// Both addresses are of one family, the payload is of 65,000 bytes at most.
std::vector<std::uint8_t> to_packet(const datagram& d);

} // namespace chronoknock::packet

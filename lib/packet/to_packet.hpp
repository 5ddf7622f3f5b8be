#pragma once

#include "packet/datagram.hpp"

#include <cstdint>
#include <vector>

namespace chronoknock::packet {

/// A datagram as a whole IPv4 or IPv6 packet, checksums included (RFC 768, RFC 791, RFC 8200), as a raw
/// socket takes it. Both addresses are of one family, the payload is of 65,000 bytes at most.
std::vector<std::uint8_t> to_packet(const datagram& d);

} // namespace chronoknock::packet

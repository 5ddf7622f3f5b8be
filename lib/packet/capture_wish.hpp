#pragma once

#include "base/port_set.hpp"

#include <cstdint>

namespace chronoknock::packet {

/// What is to be captured: the kernel's filter and the snapshot length follow from it.
struct capture_wish {
    port_set syns{};                   ///< TCP SYNs to these ports
    port_set datagrams{};              ///< UDP datagrams to these ports
    bool echoes = false;               ///< ICMP and ICMPv6 echo requests
    std::uint32_t most_of_payload = 0; ///< bytes of the payload of datagrams and echo requests
    /// False if a firewall's log tells all of it: addresses and ports.
    bool needs_packets() const { return echoes || most_of_payload > 0; }
    bool operator==(const capture_wish&) const = default;
};

} // namespace chronoknock::packet

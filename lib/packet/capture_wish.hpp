#pragma once

#include "base/port_set.hpp"

#include <cstdint>

namespace chronoknock::packet {

/// What is to be captured: the kernel's filter and the snapshot length follow from it.
struct capture_wish {
    port_set syns{};                    ///< TCP SYNs to these ports
    port_set datagrams{};               ///< UDP datagrams to these ports
    std::uint32_t most_of_datagram = 0; ///< bytes of their payload
    /// False if a firewall's log tells all of it: addresses and ports.
    bool needs_packets() const { return most_of_datagram > 0; }
    bool operator==(const capture_wish&) const = default;
};

} // namespace chronoknock::packet

#pragma once

#include "packet/capture_wish.hpp"

#include <cstdint>
#include <string>

namespace chronoknock::packet {

/// The kernel's filter, as pcap-filter(7) text: IPv4 and IPv6 SYNs without ACK and UDP datagrams to the
/// wished ports and of the wished sizes, and echo requests. It may pass more than that (between many
/// ranges that are near each other), never less.
/// `tagged`: also frames with two VLAN tags, for links of Ethernet type only. (Linux takes off the outer tag
/// before the filter runs, so one tag makes no difference to it.)
std::string filter(const capture_wish& wish, bool tagged);

/// Bytes of a frame that the kernel need hand over.
std::uint32_t snapshot_length(const capture_wish& wish);

} // namespace chronoknock::packet

#pragma once

#include "base/port_set.hpp"

#include <string>

namespace chronoknock::packet {

/// The kernel's filter, as pcap-filter(7) text: IPv4 and IPv6 SYNs without ACK to ports of the pool. It may
/// pass more than that (a pool of many ranges is widened to one range), never less. `tagged`: also frames
/// with two VLAN tags, for links of Ethernet type only. (Linux takes off the outer tag before the filter
/// runs, so one tag makes no difference to it.)
std::string filter(const port_set& pool, bool tagged);

} // namespace chronoknock::packet

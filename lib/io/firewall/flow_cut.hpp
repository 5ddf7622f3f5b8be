#pragma once

#include "firewall/flow.hpp"
#include "io/firewall/netlink.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace chronoknock::io {

/// Ends what is live of the flows that are meant, in a table of ours: sockets of this host are reset, both
/// ends see it, and the guard lets nothing of these flows pass any more; what is forwarded stalls. Gives how
/// many flows they were. It reads all flows that there are, some 4 us each, and blocks for that long.
netlink_result<std::size_t> cut_flows(const std::string& table,
                                      const std::function<bool(const firewall::flow&)>& meant);

} // namespace chronoknock::io

#pragma once

#include "firewall/flow.hpp"
#include "io/firewall/netlink.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>

namespace chronoknock::io {

struct flows_cut {
    std::set<firewall::flow> flows;
    /// UDP peers among them that the set of those that are cut had no room for: what this host sends to them
    /// admits them again.
    std::size_t not_noted = 0;
};

/// Ends what is live of the flows that are meant, in a table of ours: sockets of this host are reset, both
/// ends see it, and the guard lets nothing of these flows pass any more; what is forwarded stalls. It reads
/// all flows that there are, some 4 us each, and blocks for that long.
netlink_result<flows_cut> cut_flows(const std::string& table,
                                    const std::function<bool(const firewall::flow&)>& meant);

} // namespace chronoknock::io

#pragma once

#include "firewall/flow.hpp"

#include <functional>
#include <span>
#include <vector>

namespace chronoknock::firewall {

/// Of the flows that the guard lets pass those that live: UDP ones, which it forgets when nothing came for a
/// while, and TCP connections that are somebody's. A client's reset leaves one in the guard's set for a day.
/// open: the connections of this host's sockets. forwarded: whether one that none of them has is another
/// host's; asked only then.
std::vector<flow> living_flows(std::span<const flow> admitted, std::span<const flow> open,
                               const std::function<bool(const flow&)>& forwarded);

} // namespace chronoknock::firewall

#include "firewall/living.hpp"

#include <set>

namespace chronoknock::firewall {

std::vector<flow> living_flows(std::span<const flow> admitted, std::span<const flow> open,
                               const std::function<bool(const flow&)>& forwarded) {
    const std::set<flow> sockets(open.begin(), open.end());
    std::vector<flow> live;
    for (const auto& f : admitted)
        if (f.protocol == transport::udp || sockets.contains(f) || forwarded(f)) live.push_back(f);
    return live;
}

} // namespace chronoknock::firewall

#include "firewall/restoration.hpp"

#include <algorithm>
#include <set>

namespace chronoknock::firewall {

namespace {

bool is_loopback(const address& a) { return a.is_v4() ? a.bytes()[0] == 127 : a == *address::parse("::1"); }

} // namespace

std::vector<flow> adopt_flows(const rules& r, const rules* before, std::span<const flow> open,
                              std::span<const flow> tracked) {
    std::vector<flow> flows;
    const auto take = [&](const flow& f) {
        if (guards(r, f.protocol, f.port)) flows.push_back(f);
    };
    for (const auto& f : open) take(f);
    for (const auto& f : tracked)
        if (!before || !guards(*before, f.protocol, f.port) || always_allowed(*before, f.peer)) take(f);
    return flows;
}

restoration restore_flows(const rules& r, std::span<const flow> known, std::span<const flow> open,
                          const std::function<bool(const flow&)>& was_granted) {
    restoration found{{known.begin(), known.end()}, {}};
    const std::set<flow> admitted(known.begin(), known.end());
    std::set<std::pair<std::uint16_t, std::uint16_t>> ends;
    for (const auto& f : open) ends.insert({f.port, f.peer_port});
    for (const auto& f : open) {
        if (admitted.contains(f) || !guards(r, f.protocol, f.port)) continue;
        if (was_granted(f)) {
            found.admitted.push_back(f);
            continue;
        }
        const bool within_this_host = is_loopback(f.peer) || ends.contains({f.peer_port, f.port});
        if (!within_this_host && !always_allowed(r, f.peer)) found.slipped_in.push_back(f);
    }
    const std::set<flow> live(open.begin(), open.end());
    std::ranges::stable_partition(found.admitted, [&](const flow& f) { return live.contains(f); });
    return found;
}

} // namespace chronoknock::firewall

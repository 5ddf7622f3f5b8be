#pragma once

#include "firewall/rules.hpp"

#include <functional>
#include <span>
#include <vector>

/// Which flows go on when the guard is set up.
namespace chronoknock::firewall {

/// When it is set up for the first time, or by another configuration: what is live. `open`: the connections
/// of this host's sockets. `tracked`: what conntrack knows besides, of which only that is taken which the
/// rules before (null: none) did not guard, or always allowed.
std::vector<flow> adopt_flows(const rules& r, const rules* before, std::span<const flow> open,
                              std::span<const flow> tracked);

struct restoration {
    std::vector<flow> admitted;
    /// Connections of strangers who were quick enough while the guard was down.
    std::vector<flow> slipped_in;
};

/// When it was lost: what it had admitted (`known`, as of a moment ago), and what a grant has admitted since;
/// what is open first.
restoration restore_flows(const rules& r, std::span<const flow> known, std::span<const flow> open,
                          const std::function<bool(const flow&)>& was_granted);

} // namespace chronoknock::firewall

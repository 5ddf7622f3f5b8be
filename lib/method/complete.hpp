#pragma once

#include "base/port_set.hpp"
#include "method/tracker.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace chronoknock::method {

/// A sequence that was completed: which of the remembered SYNs is its first.
struct completion {
    std::size_t first;
};

/// What both rules need to know of the tracker. Only a SYN among the last `fresh` may complete a sequence:
/// what the others completed was found before.
struct remembered {
    std::span<const seen> syns; ///< of one address, the oldest first
    std::uint32_t fresh;
    std::uint32_t memory; ///< SYNs that count (set mode)
    std::uint16_t timeout_ticks;

    std::span<const seen> fresh_syns() const { return syns.last(std::min<std::size_t>(fresh, syns.size())); }
};

/// Set mode (chronoknock-protocol(7), MATCHING): all ports of the sequence among the last `memory` SYNs
/// younger than the timeout, at the moment that one of the fresh SYNs arrived.
std::optional<completion> complete_set(const remembered& r, std::span<const std::uint16_t> sequence);

/// Strict mode: the sequence's ports in order and nothing between; SYNs outside the pool do not
/// count, and exact retransmissions are not second SYNs.
std::optional<completion> complete_strict(const remembered& r, std::span<const std::uint16_t> sequence,
                                          const port_set& pool);

} // namespace chronoknock::method

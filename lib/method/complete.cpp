#include "method/complete.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

namespace chronoknock::method {

std::optional<completion> complete_set(const remembered& r, std::span<const std::uint16_t> sequence) {
    const auto syns = r.syns;
    const auto age = [&](std::size_t then, std::size_t at) {
        return static_cast<std::uint16_t>(syns[at].tick - syns[then].tick);
    };
    for (std::size_t last = syns.size() - std::min<std::size_t>(r.fresh, syns.size()); last < syns.size();
         ++last) {
        if (std::ranges::find(sequence, syns[last].port) == sequence.end()) continue;
        // The latest occurrence of each port; the earliest of these is the knock's first SYN.
        std::size_t first = last;
        const bool all = std::ranges::all_of(sequence, [&](std::uint16_t port) {
            for (std::size_t back = 0; back <= last && back < r.memory; ++back) {
                const auto i = last - back;
                if (age(i, last) >= r.timeout_ticks) return false;
                if (syns[i].port != port) continue;
                first = std::min(first, i);
                return true;
            }
            return false;
        });
        if (all) return completion{first};
    }
    return std::nullopt;
}

std::optional<completion> complete_strict(const remembered& r, std::span<const std::uint16_t> sequence,
                                          const port_set& pool) {
    const auto syns = r.syns;
    std::size_t done = 0;
    std::size_t first = 0;
    boost::unordered_flat_set<std::uint32_t> before;
    before.reserve(syns.size());
    for (std::size_t i = 0; i < syns.size(); ++i) {
        const auto& syn = syns[i];
        if (!pool.contains(syn.port)) continue;
        if (!before.insert(std::uint32_t{syn.port} << 16 | syn.id).second) continue; // sent again
        if (done != 0 && static_cast<std::uint16_t>(syn.tick - syns[first].tick) >= r.timeout_ticks) done = 0;
        if (syn.port != sequence[done]) done = 0;
        if (syn.port != sequence[done]) continue;
        if (done == 0) first = i;
        if (++done < sequence.size()) continue;
        if (i + r.fresh >= syns.size()) return completion{first};
        done = 0;
    }
    return std::nullopt;
}

} // namespace chronoknock::method

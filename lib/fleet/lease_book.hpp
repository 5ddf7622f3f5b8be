#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

namespace chronoknock::fleet {

/// Leases that entries go with. One serves many: with a lease of its own each knock would take two turns.
class lease_book {
public:
    /// A lease to ask for, in seconds, for entries that are to live so long at least.
    static std::int64_t length_for(nanoseconds least) {
        return std::chrono::ceil<seconds>(least).count() * 2 + 60;
    }

    void add(std::int64_t id, std::int64_t length, instant now) { ends_[id] = now + seconds(length); }
    /// One that lives so long yet at least, and not for much longer; none: one is to be asked for.
    std::optional<std::int64_t> find(nanoseconds least, instant now) {
        std::erase_if(ends_, [now](const auto& one) { return one.second <= now; });
        std::optional<std::int64_t> best;
        for (const auto& [id, end] : ends_)
            if (end - now >= least + margin && end - now <= 2 * seconds(length_for(least)) &&
                (!best || end < ends_.at(*best)))
                best = id;
        return best;
    }
    /// The cluster does not know them any more.
    void clear() { ends_.clear(); }

private:
    static constexpr nanoseconds margin = seconds(5);
    std::map<std::int64_t, instant> ends_;
};

} // namespace chronoknock::fleet

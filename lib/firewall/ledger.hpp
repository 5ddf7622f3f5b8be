#pragma once

#include "base/address.hpp"
#include "base/prefix_lengths.hpp"
#include "base/time.hpp"
#include "firewall/change.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::firewall {

/// Remembers when each grant ends, those that ended a while ago too: whoever had one may still be connected.
class ledger {
public:
    /// A change was made at `now`.
    void note(const change& c, instant now) {
        lengths_.add(c.who);
        if (c.open_for)
            ends_[{c.who, c.service}] = now + *c.open_for;
        else if (const auto open = ends_.find({c.who, c.service}); open != ends_.end())
            open->second = std::min(open->second, now);
        if (ends_.size() < sweep_at_) return;
        std::erase_if(ends_, [&](const auto& e) { return e.second + keep_ended <= now; });
        sweep_at_ = std::max(least_sweep, 2 * ends_.size());
    }
    /// True if the address, or a network around it, had a grant at some moment since `since`.
    bool had_grant(const address& who, const std::string& service, instant since) const {
        return lengths_.any_of(who, [&](const prefix& p) {
            const auto found = ends_.find({p, service});
            return found != ends_.end() && found->second >= since;
        });
    }
    /// What is open at `now`.
    std::vector<live_grant> open(instant now) const {
        std::vector<live_grant> all;
        for (const auto& [who, end] : ends_)
            if (end > now) all.push_back({who.first, who.second, end - now});
        return all;
    }
    /// Forgets the grants that are not `wanted`.
    void keep(const std::function<bool(const prefix& who, const std::string& service)>& wanted) {
        std::erase_if(ends_, [&](const auto& e) { return !wanted(e.first.first, e.first.second); });
    }
    void clear() { ends_.clear(); }
    std::size_t size() const { return ends_.size(); }

private:
    static constexpr nanoseconds keep_ended = std::chrono::minutes(5);
    static constexpr std::size_t least_sweep = 1024;

    std::map<std::pair<prefix, std::string>, instant> ends_;
    prefix_lengths lengths_; ///< of these
    std::size_t sweep_at_ = least_sweep;
};

} // namespace chronoknock::firewall

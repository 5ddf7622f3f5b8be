#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "firewall/change.hpp"
#include "grant/history.hpp"

#include <compare>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// When the grants of this process end, for the history. Of more than `most` at once the later ones are not
/// known; neither is what ended a grant before its time but a claim that closes it (a reload, its uses).
class expiries {
public:
    static constexpr std::size_t most = 10'000;

    /// A claim of a key (its name) that the clock accepted at `accepted` was carried out at `now`: all of
    /// `changes` to one address. later: that they have ended is known so long after their end.
    void note(std::span<const firewall::change> changes, const std::string& key, unix_time accepted,
              instant now, nanoseconds later = nanoseconds(0));
    /// What keys have opened is prolonged: it ends so long after `now`, when the clock says `by_clock`.
    void prolong(const prefix& who, const std::string& service, nanoseconds left, unix_time by_clock,
                 instant now);
    /// The grants whose time was over by `now`: an entry for each that a claim opened together.
    std::vector<history_entry> due(instant now);
    std::size_t size() const { return ends_.size(); }

private:
    /// An entry of the history is of what one key opened to one address.
    struct grant {
        prefix who;
        std::string key;
        std::string service;
        auto operator<=>(const grant&) const = default;
    };
    struct end {
        instant at;
        unix_time by_clock;
    };
    void forget(const grant& g);

    std::map<grant, end> ends_;
    std::set<std::pair<instant, grant>> order_;
};

} // namespace chronoknock::granting

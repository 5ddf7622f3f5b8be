#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "firewall/deadlines.hpp"
#include "grant/history.hpp"

#include <cstddef>
#include <map>
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
    /// `changes` to one address.
    void note(std::span<const firewall::change> changes, const std::string& key, unix_time accepted,
              instant now);
    /// The grants whose time was over by `now`: an entry for each that a claim opened together.
    std::vector<history_entry> due(instant now);
    std::size_t size() const { return ends_.size(); }

private:
    struct opened {
        std::string key;
        unix_time end;
    };
    firewall::deadlines ends_;
    std::map<std::pair<address, std::string>, opened> opened_; ///< those that ends_ has
};

} // namespace chronoknock::granting

#pragma once

#include "base/address.hpp"
#include "grant/shared.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace chronoknock::granting {

/// What became known of a fleet and is not carried out here yet, as one change: what all of them come to.
/// What opens waits for the time, since until that is known nobody can say what lives; what closes does not.
class shared_backlog {
public:
    /// Grants to be opened, and tokens: where there are more, none is kept, and all is to be listed anew,
    /// once it can be carried out.
    explicit shared_backlog(std::size_t most = 100'000) : most_(most) {}

    /// In the order in which they became known.
    void add(shared_changes c);

    bool empty() const { return !whole_ && opened_.empty() && closed_.empty() && tokens_.empty(); }
    /// True if take_closes() has something.
    bool has_closes() const { return !closed_.empty() || (whole_ && !whole_was_told_); }
    /// What closes: of a whole listing that is what it does not name, so that comes with all that it opens.
    /// The rest stays.
    shared_changes take_closes();
    /// All of it.
    shared_changes take();
    /// True, once, if something was dropped: only a listing tells of it.
    bool take_overflow() { return std::exchange(overflowed_, false); }

private:
    using place = std::tuple<std::string, prefix, std::string>; ///< key (its fingerprint), to whom, service
    using grants = std::map<place, shared_grant>;
    static place place_of(const shared_grant& g) { return {g.key, g.who, g.service}; }
    static std::vector<shared_grant> values(grants all);

    std::size_t most_;
    grants opened_;
    grants closed_;
    std::vector<burnt> tokens_;
    bool whole_ = false;
    bool whole_was_told_ = false; ///< by take_closes()
    bool overflowed_ = false;
};

} // namespace chronoknock::granting

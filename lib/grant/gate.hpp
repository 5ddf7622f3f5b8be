#pragma once

#include "base/error.hpp"
#include "grant/actions.hpp"

#include <optional>
#include <string>

namespace chronoknock::granting {

/// Says whether time and floor allow knocks. The floor is from when on the record of burnt knocks is known to
/// lack nothing; what began before it is refused. Where the store has none, or has one that was set by a
/// clock that was ahead, it begins now.
class gate {
public:
    enum class state {
        shut,        ///< no knock counts: what time it is is not known, or no floor could be written down
        writing,     ///< no knock counts: a floor is being written down
        provisional, ///< knocks count, from a floor by a clock that is not for keeping
        open         ///< knocks count, from the floor that the store has
    };

    /// To be called now and again. t: what the clock says, if it may be relied on for knocks at all. trusted:
    /// whether for keeping, too. stored: the floor that the store has.
    actions update(const std::optional<time_estimate>& t, bool trusted, std::optional<unix_time> stored);
    /// The store's answer to `write_floor`.
    actions written(const result<void>& done);

    /// True if a floor that the store has is good: some moment that it may be now lies not before it.
    static bool holds(const std::optional<unix_time>& stored, const time_estimate& t) {
        return stored && *stored <= t.t + t.error;
    }

    bool lets_pass() const { return state_ == state::provisional || state_ == state::open; }
    state now() const { return state_; }
    /// Why no floor could be written down, if that is so.
    const std::string& problem() const { return told_; }

private:
    state state_ = state::shut;
    unix_time floor_{};                    ///< while it is being written
    std::optional<unix_time> provisional_; ///< the floor that the guard has meanwhile
    std::string told_;                     ///< why it could not be written
};

} // namespace chronoknock::granting

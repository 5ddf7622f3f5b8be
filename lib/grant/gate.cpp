#include "grant/gate.hpp"

#include "base/text.hpp"

#include <utility>

namespace chronoknock::granting {

actions gate::update(const std::optional<time_estimate>& t, bool trusted, std::optional<unix_time> stored) {
    if (state_ == state::writing) return {};
    if (!t) {
        state_ = state::shut;
        return {};
    }
    const auto earliest = t->t + t->error;
    if (holds(stored, *t)) {
        state_ = state::open;
        if (!std::exchange(provisional_, std::nullopt)) return {};
        return {guard_from{*stored}};
    }
    // None yet, or one that lies in the future for certain: the clock was ahead when it was set, and the
    // owner must not be locked out until then.
    if (!trusted) {
        state_ = state::provisional;
        if (holds(provisional_, *t)) return {}; // else the clock was ahead when it was set, too
        provisional_ = earliest;
        return {guard_from{earliest, true}};
    }
    state_ = state::writing;
    floor_ = earliest;
    return {write_floor{earliest}};
}

actions gate::written(const result<void>& done) {
    if (state_ != state::writing) return {};
    if (!done) {
        state_ = state::shut;
        if (std::exchange(told_, done.error().text) == done.error().text) return {};
        return {tell{severity::error, done.error().text}};
    }
    state_ = state::open;
    told_.clear();
    provisional_.reset();
    return {guard_from{floor_},
            tell{severity::info,
                 "the record of burnt knocks begins now: knocks count whose window begins after " +
                     utc(to_seconds(floor_)) + " UTC"}};
}

} // namespace chronoknock::granting

#pragma once

#include "base/time.hpp"

#include <optional>

namespace chronoknock::timesync {

/// Leap seconds, at the end of a month (RFC 5905, section 7.3): Unix time repeats or omits a second there.
/// From when the leap may have begun until it is surely over both are possible, and only an answer whose
/// transmit time lies past it tells which.
class leap_watch {
public:
    enum class phase {
        quiet,
        announced, ///< at the end of this month
        passing    ///< it may have happened, or may not yet
    };
    enum class step { none, begins, ends };

    /// What the servers heard announce now, by an estimate of the time.
    void announce(bool leap, unix_time now);
    /// Goes on with time.
    step advance(const time_estimate& now);
    /// How far off an answer sent at that moment, by its server's clock, may be for the leap's sake.
    nanoseconds doubt(unix_time transmit) const;

    phase now() const { return phase_; }
    /// When the month that ends with the leap may be over: a second that is left out is its last.
    unix_time begins() const { return at_ - size; }

    static constexpr nanoseconds size = seconds(1);

private:
    phase phase_ = phase::quiet;
    unix_time at_{}; ///< the beginning of the next month
};

} // namespace chronoknock::timesync

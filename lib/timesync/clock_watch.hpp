#pragma once

#include "base/time.hpp"

#include <optional>

namespace chronoknock::timesync {

/// The machine's clocks, read together.
struct clock_reading {
    instant at;            ///< the clock beneath: what no other daemon bends, sleep included
    nanoseconds asleep{0}; ///< of it, how much the machine has slept since boot (CLOCK_BOOTTIME less
                           ///< CLOCK_MONOTONIC)
    unix_time system;      ///< the system clock, which anybody may set
};

/// What happened to the machine's clocks between two readings.
struct disturbance {
    nanoseconds slept{0};
    nanoseconds system_step{0}; ///< of the system clock against the clock beneath
    explicit operator bool() const { return slept != slept.zero() || system_step != system_step.zero(); }
};

/// Finds sleeps and jumps in readings. A virtual machine that was paused shows neither in its clock beneath;
/// but its system clock is set afterwards, and jumps ahead.
class clock_watch {
public:
    disturbance observe(const clock_reading& r);

    /// The length of a sleep comes from a hardware clock that counts whole seconds, read twice.
    static constexpr nanoseconds sleep_slack = seconds(2);
    /// Smaller differences of the two clocks are the reading's. No machine sleeps for less.
    static constexpr nanoseconds least_sleep = milliseconds(1);
    /// What a system clock may have gained is no jump: chronyd slews by up to a twelfth.
    static constexpr nanoseconds least_step = seconds(1);
    /// To be observed so often that slewing does not look like a jump.
    static constexpr nanoseconds every = seconds(8);

private:
    std::optional<clock_reading> last_;
};

} // namespace chronoknock::timesync

#pragma once

#include <chrono>
#include <cstdint>

namespace chronoknock {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// The machine's own clock, which nobody steps or slews and which goes on in sleep (CLOCK_MONOTONIC_RAW and
/// the time asleep). It has no now(): pure rooms take the moment as an argument, io/system/clock.hpp reads
/// it.
struct boot_clock {
    using duration = nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<boot_clock>;
    static constexpr bool is_steady = true;
};

/// A moment since boot; what timeouts and deadlines are kept in.
using instant = boot_clock::time_point;

/// A moment since the Unix epoch, UTC without leap seconds; what windows are kept in.
using unix_time = std::chrono::sys_time<nanoseconds>;

/// What the clock knows: the true time lies within [t - error, t + error].
struct time_estimate {
    unix_time t;
    nanoseconds error;
};

/// Whole seconds since the epoch, rounded down.
constexpr std::int64_t to_seconds(unix_time t) {
    return std::chrono::floor<seconds>(t).time_since_epoch().count();
}

} // namespace chronoknock

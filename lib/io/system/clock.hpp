#pragma once

#include "base/time.hpp"
#include "timesync/clock_watch.hpp"
#include "timesync/system_clock.hpp"

/// The only readers of the machine's clocks.
namespace chronoknock::io {

/// CLOCK_MONOTONIC_RAW plus time_asleep(): no daemon that steers the system clock bends it. (CLOCK_BOOTTIME
/// is slewed with it: by 500 ppm of adjtimex's frequency, and by as much as 10 % through its tick.)
instant boot_now();

/// How long the machine has slept since it booted: CLOCK_BOOTTIME less CLOCK_MONOTONIC, which are slewed
/// alike. In a time namespace, that and a constant.
nanoseconds time_asleep();

unix_time system_now();

/// All of the above at once.
timesync::clock_reading read_clocks();

/// What the kernel says of the system clock.
timesync::kernel_clock read_kernel_clock();

} // namespace chronoknock::io

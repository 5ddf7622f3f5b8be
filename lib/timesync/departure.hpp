#pragma once

#include "timesync/clock_watch.hpp"

#include <optional>

namespace chronoknock::timesync {

/// When a packet left, on the clock beneath. before, after: read around the sending (the clock beneath first);
/// stamp: when the kernel handed it to the device, by the system clock, if it told. Somebody may slew the
/// system clock (by 10 % at most) or set it meanwhile: what comes out is never later than the packet left,
/// which would make a bound too small, and in doubt as early as `before`.
instant departure(const clock_reading& before, const clock_reading& after, std::optional<unix_time> stamp);

} // namespace chronoknock::timesync

#pragma once

#include "timesync/clock_watch.hpp"

#include <optional>

/// The kernel's stamps of packets, which are of the system clock, carried over to the clock beneath. Somebody
/// may slew or set the system clock at any time; what it and the clock beneath differ by between two readings
/// is then the most that a stamp in between is off by, unless it was bent one way and back within an
/// exchange. By so much a packet is said to have left earlier, or come later: a round trip that is too long
/// costs some bound, one that is too short makes it wrong.
namespace chronoknock::timesync {

/// When a packet left: never later than it did, and in doubt as early as `before`. before, after: read around
/// the sending (the clock beneath first); stamp: when the kernel handed it to the device, if it told.
instant departure(const clock_reading& before, const clock_reading& after, std::optional<unix_time> stamp);

/// When a packet came: never earlier than it did, and in doubt `now`. before: read before the query was sent;
/// now: read after the packet (the system clock first); stamp: when the kernel got it, if it told.
instant arrival(const clock_reading& before, const clock_reading& now, std::optional<unix_time> stamp);

} // namespace chronoknock::timesync

#pragma once

#include "base/time.hpp"

#include <cstdint>

namespace chronoknock::granting {

/// Windows t0, t0 + g, ... last, in seconds since the epoch; none if last < first.
struct window_range {
    std::int64_t first;
    std::int64_t last;
    bool operator==(const window_range&) const = default;
};

/// True if some moment within e of the arrival lies in [begin, end) (chronoknock-protocol(7), WINDOWS).
bool acceptable(unix_time begin, unix_time end, const time_estimate& arrival);

/// The windows that are acceptable for an arrival somewhere within [from, to].
window_range acceptable_windows(unix_time from, unix_time to, std::int64_t g);

/// The most windows of granularity g that are acceptable at one moment, with the clock's error at most e.
std::int64_t most_windows(std::int64_t g, nanoseconds e);

} // namespace chronoknock::granting

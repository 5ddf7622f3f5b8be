#include "grant/windows.hpp"

namespace chronoknock::granting {

namespace {
/// The window that t falls in, as a client counts them (key::window_of).
std::int64_t window_of(std::int64_t t, std::int64_t g) { return t - (t % g + g) % g; }
} // namespace

bool acceptable(unix_time begin, unix_time end, const time_estimate& arrival) {
    return arrival.t + arrival.error >= begin && arrival.t - arrival.error < end;
}

window_range acceptable_windows(unix_time from, unix_time to, std::int64_t g) {
    // The oldest is the one before the one that `from` falls in: from < t0 + 2g.
    return {window_of(to_seconds(from), g) - g, window_of(to_seconds(to), g)};
}

std::int64_t most_windows(std::int64_t g, nanoseconds e) {
    // An interval of length 2e meets one window more than whole ones fit in it, and each lasts 2g, twice g.
    const auto span = std::chrono::ceil<seconds>(2 * e).count();
    return 2 + (span + g - 1) / g;
}

} // namespace chronoknock::granting

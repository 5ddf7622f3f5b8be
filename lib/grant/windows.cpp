#include "grant/windows.hpp"

#include "key/deriver.hpp"

namespace chronoknock::granting {

bool acceptable(std::int64_t t0, std::int64_t g, const time_estimate& arrival) {
    const unix_time begin{seconds(t0)};
    return arrival.t + arrival.error >= begin && arrival.t - arrival.error < begin + seconds(2 * g);
}

window_range acceptable_windows(unix_time from, unix_time to, std::int64_t g) {
    // The oldest is the one before the one that `from` falls in: from < t0 + 2g.
    return {key::window_of(to_seconds(from), g) - g, key::window_of(to_seconds(to), g)};
}

std::int64_t most_windows(std::int64_t g, nanoseconds e) {
    // An interval of length 2e meets one window more than whole ones fit in it, and each lasts 2g, twice g.
    const auto span = std::chrono::ceil<seconds>(2 * e).count();
    return 2 + (span + g - 1) / g;
}

} // namespace chronoknock::granting

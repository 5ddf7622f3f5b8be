#include "timesync/clock_watch.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::timesync {

disturbance clock_watch::observe(const clock_reading& r) {
    const auto before = std::exchange(last_, r);
    disturbance found;
    if (!before) return found;
    const auto slept = r.asleep - before->asleep;
    if (slept >= least_sleep) found.slept = slept;
    const auto elapsed = r.at - before->at;
    const auto step = r.system - before->system - elapsed;
    const auto slewed = std::max(elapsed - found.slept, nanoseconds(0)) / 10;
    if (std::chrono::abs(step) >= std::max(least_step, slewed)) found.system_step = step;
    return found;
}

} // namespace chronoknock::timesync

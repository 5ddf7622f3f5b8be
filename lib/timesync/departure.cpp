#include "timesync/departure.hpp"

#include <algorithm>
#include <chrono>

namespace chronoknock::timesync {

instant departure(const clock_reading& before, const clock_reading& after, std::optional<unix_time> stamp) {
    if (!stamp || *stamp < before.system || *stamp > after.system) return before.at;
    const auto passed = after.at - before.at;
    const auto doubt = passed / 10 + std::chrono::microseconds(1);
    const auto by_system = after.system - before.system;
    if (by_system > passed + doubt || by_system < passed - doubt) return before.at;
    return before.at + std::max(*stamp - before.system - doubt, nanoseconds(0));
}

} // namespace chronoknock::timesync

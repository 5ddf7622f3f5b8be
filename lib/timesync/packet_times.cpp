#include "timesync/packet_times.hpp"

#include <algorithm>
#include <chrono>

namespace chronoknock::timesync {
namespace {

constexpr nanoseconds reading = std::chrono::microseconds(1); // one clock after the other

/// By how much the system clock was bent between two readings.
nanoseconds bent(const clock_reading& from, const clock_reading& to) {
    return std::chrono::abs((to.system - from.system) - (to.at - from.at));
}

bool between(const clock_reading& from, const clock_reading& to, std::optional<unix_time> stamp) {
    return stamp && *stamp >= from.system && *stamp <= to.system;
}

} // namespace

instant departure(const clock_reading& before, const clock_reading& after, std::optional<unix_time> stamp) {
    if (!between(before, after, stamp)) return before.at;
    const auto passed = *stamp - before.system - bent(before, after) - reading;
    return before.at + std::max(passed, nanoseconds(0));
}

instant arrival(const clock_reading& before, const clock_reading& now, std::optional<unix_time> stamp) {
    if (!between(before, now, stamp)) return now.at;
    const auto age = now.system - *stamp - bent(before, now) - reading;
    return now.at - std::max(age, nanoseconds(0));
}

} // namespace chronoknock::timesync

#pragma once

#include "base/time.hpp"

#include "timesync/clock_watch.hpp"

#include <ctime>

/// The only readers of the machine's clocks.
namespace chronoknock::io {

inline instant boot_now() {
    timespec ts{};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return instant{seconds(ts.tv_sec) + nanoseconds(ts.tv_nsec)};
}

inline unix_time system_now() {
    return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

/// All clocks at once. The time asleep is the difference of two clocks that cannot be read at one moment: the
/// closest of a few readings.
inline timesync::clock_reading read_clocks() {
    const auto read = [](clockid_t id) {
        timespec ts{};
        clock_gettime(id, &ts);
        return seconds(ts.tv_sec) + nanoseconds(ts.tv_nsec);
    };
    nanoseconds asleep{0};
    auto closest = nanoseconds::max();
    for (int i = 0; i < 8 && closest > std::chrono::microseconds(5); ++i) {
        const auto before = read(CLOCK_MONOTONIC);
        const auto boot = read(CLOCK_BOOTTIME);
        const auto after = read(CLOCK_MONOTONIC);
        if (after - before >= closest) continue;
        closest = after - before;
        asleep = boot - before - closest / 2;
    }
    return {boot_now(), asleep, system_now()};
}

} // namespace chronoknock::io

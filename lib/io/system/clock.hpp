#pragma once

#include "base/time.hpp"

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

} // namespace chronoknock::io

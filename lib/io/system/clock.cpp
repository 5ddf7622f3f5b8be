#include "io/system/clock.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <sys/timex.h>

namespace chronoknock::io {

namespace {

// A thread that loses its processor between two clocks would take that for a step of one of them.
constexpr nanoseconds at_once = std::chrono::microseconds(20);
constexpr int most_tries = 4;

nanoseconds read(clockid_t clock) {
    timespec ts{};
    clock_gettime(clock, &ts);
    return seconds(ts.tv_sec) + nanoseconds(ts.tv_nsec);
}

} // namespace

nanoseconds time_asleep() {
    // Read in this order the difference is never more than it was, only less by what passed in between; so
    // the largest ever is the best, and boot_now() never goes back.
    const auto boot = read(CLOCK_BOOTTIME);
    const auto least = (boot - read(CLOCK_MONOTONIC)).count();
    static std::atomic<nanoseconds::rep> most = least;
    auto known = most.load(std::memory_order_relaxed);
    while (known < least && !most.compare_exchange_weak(known, least, std::memory_order_relaxed)) {
    }
    return nanoseconds(std::max(known, least));
}

instant boot_now() {
    const auto raw = read(CLOCK_MONOTONIC_RAW); // first: a sleep between the two readings is counted
    return instant{raw + time_asleep()};
}

unix_time system_now() { return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now()); }

timesync::clock_reading read_clocks() {
    for (int tries = 1;; ++tries) {
        const auto raw = read(CLOCK_MONOTONIC_RAW);
        const auto asleep = time_asleep();
        const auto system = system_now();
        if (tries == most_tries || read(CLOCK_MONOTONIC_RAW) - raw < at_once)
            return {instant{raw + asleep}, asleep, system};
    }
}

timesync::kernel_clock read_kernel_clock() {
    timex t{};
    const int state = ntp_adjtime(&t);
    const bool nanos = (t.status & STA_NANO) != 0;
    return {state >= 0, state == TIME_ERROR || (t.status & STA_UNSYNC) != 0,
            std::chrono::microseconds(t.maxerror),
            nanos ? nanoseconds(t.offset) : nanoseconds(std::chrono::microseconds(t.offset))};
}

} // namespace chronoknock::io

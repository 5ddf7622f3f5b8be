#pragma once

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <sys/resource.h>

namespace bench {

/// CPU seconds of this process, its kernel time included.
inline double cpu_seconds() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return of(use.ru_utime) + of(use.ru_stime);
}

inline void report(const char* what, std::uint64_t seen, std::uint64_t dropped, std::uint64_t wakes,
                   double cpu) {
    std::printf("%-20s seen %9llu dropped %8llu wakes %8llu cpu %.3f s, %.3f us a packet\n", what,
                static_cast<unsigned long long>(seen), static_cast<unsigned long long>(dropped),
                static_cast<unsigned long long>(wakes), cpu,
                seen ? cpu * 1e6 / static_cast<double>(seen) : 0.0);
}

inline volatile std::sig_atomic_t stopped = 0;

/// SIGTERM and SIGINT end the measurement, not the report.
inline void stop_on_signal() {
    struct sigaction action{};
    action.sa_handler = [](int) { stopped = 1; };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
}

} // namespace bench

// Preloaded into a program, shows it the clocks of a machine on which something steers, stops or sleeps. The
// file $BENT_CLOCK has the state, as bent_clock.py writes it; it may change at any time.

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

namespace {

struct bend {
    std::int64_t writes;  // odd: it is being written
    std::int64_t since;   // by the true CLOCK_MONOTONIC, all in ns
    std::int64_t rate;    // ppm: what a daemon slews the system clock by, and with it all clocks but RAW
    std::int64_t gained;  // by it until `since`
    std::int64_t slept;   // what CLOCK_BOOTTIME gained by it, and CLOCK_MONOTONIC and RAW did not
    std::int64_t stopped; // with no clock going on
    std::int64_t set;     // what the system clock was set by
    std::int64_t kernel;  // the kernel says that the clock is synchronised to so much; below 0: that it is
                          // not; 0: it says what it would
};

constexpr std::int64_t second = 1'000'000'000;

std::int64_t true_clock(clockid_t id) {
    timespec t{};
    syscall(SYS_clock_gettime, id, &t);
    return t.tv_sec * second + t.tv_nsec;
}

const bend* mapping() {
    static const bend* const mapped = [] {
        static const bend straight{};
        const char* const path = std::getenv("BENT_CLOCK");
        const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void* const p = file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(bend), PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        return p == MAP_FAILED ? &straight : static_cast<const bend*>(p);
    }();
    return mapped;
}

struct moment {
    std::int64_t clock;     // the one asked for
    std::int64_t monotonic; // CLOCK_MONOTONIC, at most close_enough before it
    bend state;             // as it was all the while
};

// A thread that loses its processor between two readings would see a clock jump that did not.
constexpr std::int64_t close_enough = 20'000;
constexpr int most_tries = 1000; // where system calls take that long

moment now(clockid_t id) {
    const auto* const shared = mapping();
    for (int tries = 1;; ++tries) {
        const auto writes = __atomic_load_n(&shared->writes, __ATOMIC_ACQUIRE);
        moment m{};
        __builtin_memcpy(&m.state, shared, sizeof m.state);
        m.monotonic = true_clock(CLOCK_MONOTONIC);
        m.clock = true_clock(id);
        const auto took = true_clock(CLOCK_MONOTONIC) - m.monotonic;
        if (writes % 2 == 0 && (took < close_enough || tries > most_tries) &&
            __atomic_load_n(&shared->writes, __ATOMIC_ACQUIRE) == writes)
            return m;
    }
}

} // namespace

extern "C" int clock_gettime(clockid_t id, timespec* out) noexcept {
    const auto [true_time, monotonic, b] = now(id);
    auto t = true_time;
    // While the machine slept, all but CLOCK_BOOTTIME and the system clock stood still.
    const auto slewed = b.gained + (monotonic - b.since) * b.rate / 1'000'000;
    if (id == CLOCK_REALTIME)
        t += slewed - b.stopped + b.set;
    else if (id == CLOCK_BOOTTIME)
        t += slewed - b.stopped;
    else if (id == CLOCK_MONOTONIC)
        t += slewed - b.stopped - b.slept;
    else if (id == CLOCK_MONOTONIC_RAW)
        t -= b.stopped + b.slept;
    out->tv_sec = t / second;
    out->tv_nsec = t % second;
    return 0;
}

extern "C" int ntp_adjtime(timex* t) noexcept {
    const int said = static_cast<int>(syscall(SYS_adjtimex, t));
    const auto kernel = now(CLOCK_MONOTONIC).state.kernel;
    if (said < 0 || kernel == 0) return said;
    t->status = kernel > 0 ? STA_PLL : STA_UNSYNC;
    t->maxerror = kernel > 0 ? kernel / 1000 : 16'000'000;
    t->offset = 0;
    return kernel > 0 ? TIME_OK : TIME_ERROR;
}

// Preloaded into the server: the longest that its loop took between two looks at what is ready, in
// nanoseconds, at the beginning of the file that TURNS names; whoever reads it may set it back to 0.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

struct shared {
    std::atomic<std::uint64_t> longest;
    std::atomic<pid_t> whose; ///< the first process that it was preloaded into: no child of that
};

shared* record() {
    static shared* const mapped = []() -> shared* {
        const char* path = std::getenv("TURNS");
        const int fd = path ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
        if (fd < 0) return nullptr;
        void* const at = ::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ::close(fd);
        return at == MAP_FAILED ? nullptr : static_cast<shared*>(at);
    }();
    return mapped;
}

[[gnu::constructor]] void begin() { // before the process gives up its rights
    pid_t none = 0;
    if (auto* const r = record()) r->whose.compare_exchange_strong(none, ::getpid());
}

std::uint64_t now() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

} // namespace

extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
    static const auto real =
        reinterpret_cast<decltype(&::epoll_wait)>(::dlsym(RTLD_NEXT, "epoll_wait")); // NOLINT
    static std::atomic<std::uint64_t> since = 0;
    auto* const r = record();
    if (r && r->whose == ::getpid() && since != 0) {
        const auto took = now() - since;
        auto longest = r->longest.load();
        while (took > longest && !r->longest.compare_exchange_weak(longest, took)) {
        }
    }
    const int ready = real(epoll, events, most, timeout);
    since = now();
    return ready;
}

#include "failing_new.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local long left = 0; ///< how many allocations until the first that fails, itself included
thread_local bool failing = false;

bool next_fails() {
    if (left > 0 && --left == 0) failing = true;
    return failing;
}

} // namespace

failing_new::failing_new(long n) {
    left = n;
    failing = false;
}

failing_new::~failing_new() {
    left = 0;
    failing = false;
}

bool failing_new::failed() const { return failing; }

void* operator new(std::size_t size) {
    void* const memory = next_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return next_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

/// What Asio takes for its operations.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
    void* memory = nullptr;
    return next_fails() || ::posix_memalign(&memory, alignment, size) != 0 ? nullptr : memory;
}

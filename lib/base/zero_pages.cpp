#include "base/zero_pages.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace chronoknock {

namespace {

constexpr std::size_t big_page = std::size_t{2} << 20;
constexpr std::size_t page = 65536; // a multiple of what any processor has

std::size_t rounded(std::size_t bytes) { return (bytes + page - 1) / page * page; }

} // namespace

std::byte* take_pages(std::size_t bytes) {
    const auto size = rounded(bytes);
    const auto more = size >= big_page ? big_page : 0; // to begin where a big page can
    void* const all = mmap(nullptr, size + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    auto* const first = static_cast<std::byte*>(all);
    if (more == 0) return first;
    const auto before = (big_page - reinterpret_cast<std::uintptr_t>(first) % big_page) % big_page;
    if (before != 0) munmap(first, before);
    if (before != more) munmap(first + before + size, more - before);
    (void)madvise(first + before, size, MADV_HUGEPAGE);
    return first + before;
}

void give_pages(std::byte* pages, std::size_t bytes) noexcept { munmap(pages, rounded(bytes)); }

bool populate(std::span<const std::byte> memory) {
    auto* const first = const_cast<std::byte*>(memory.data());
    const auto size = rounded(memory.size());
    // By parts: who maps memory meanwhile waits for no more than one.
    for (std::size_t done = 0; done < size;) {
        const auto part = std::min(big_page, size - done);
        if (madvise(first + done, part, MADV_POPULATE_WRITE) == 0)
            done += part;
        else if (errno != EINTR && errno != EAGAIN)
            return false;
    }
    return true;
}

} // namespace chronoknock

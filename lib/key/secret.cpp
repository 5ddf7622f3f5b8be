#include "key/secret.hpp"

#include <memory_resource>
#include <new>
#include <openssl/crypto.h>
#include <sys/mman.h>

namespace chronoknock::key {

namespace {

/// Whole pages, locked if the limit allows it, and in no core dump.
class locked_pages final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t) override {
        void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) throw std::bad_alloc();
        (void)mlock(pages, bytes);
        (void)madvise(pages, bytes, MADV_DONTDUMP);
        return pages;
    }
    void do_deallocate(void* pages, std::size_t bytes, std::size_t) override { munmap(pages, bytes); }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

std::pmr::memory_resource& pool() {
    static locked_pages pages;
    // Never destroyed: secrets may outlive what is destroyed at the end of the program.
    // What is larger than a key has pages of its own: a pool of such blocks would lock hundreds of kilobytes
    // for the one file that a client reads.
    static auto& all = *new std::pmr::synchronized_pool_resource({0, 2048}, &pages);
    return all;
}

} // namespace

void* take_secret_memory(std::size_t bytes, std::size_t alignment) {
    return pool().allocate(bytes, alignment);
}

void give_secret_memory(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
    OPENSSL_cleanse(memory, bytes);
    pool().deallocate(memory, bytes, alignment);
}

} // namespace chronoknock::key

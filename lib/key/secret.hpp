#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::key {

/// Memory for secrets: neither swapped (as far as RLIMIT_MEMLOCK goes) nor dumped, and wiped before it is
/// given back. Throws std::bad_alloc.
void* take_secret_memory(std::size_t bytes, std::size_t alignment);
void give_secret_memory(void* memory, std::size_t bytes, std::size_t alignment) noexcept;

/// The allocator of that memory.
template <class T>
struct secret_allocator {
    using value_type = T;
    secret_allocator() = default;
    template <class U>
    secret_allocator(const secret_allocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(take_secret_memory(n * sizeof(T), alignof(T))); }
    void deallocate(T* p, std::size_t n) { give_secret_memory(p, n * sizeof(T), alignof(T)); }
    bool operator==(const secret_allocator&) const { return true; }
};

using secret_bytes = std::vector<std::uint8_t, secret_allocator<std::uint8_t>>;
/// For texts too long for the buffer inside a string (15 bytes): the rest is not wiped.
using secret_text = std::basic_string<char, std::char_traits<char>, secret_allocator<char>>;

} // namespace chronoknock::key

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace chronoknock {

/// Fresh memory of the kernel's, all zero, a multiple of pages; none of it has been touched, so that it costs
/// nothing yet. Big pages where the system has them: a flood that reaches all over a table finds them in the
/// processor's list of pages. Throws std::bad_alloc where the kernel does not promise so much.
std::byte* take_pages(std::size_t bytes);
void give_pages(std::byte* pages, std::size_t bytes) noexcept;

/// Makes the kernel give the memory that it has promised, so that no packet has to wait for it, and none is
/// the one that finds the machine without. What is in it stays, and may be used and changed meanwhile in
/// another thread. False if the kernel does not do so (before Linux 5.14), or has no memory left.
bool populate(std::span<const std::byte> memory);

/// A table whose size never changes. An entry begins with all its bytes zero, which must be a value of T, or
/// is assigned to before it is read.
template <class T>
class zero_pages {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    zero_pages() = default;
    explicit zero_pages(std::size_t size) : size_(size) {
        if (size != 0) first_ = reinterpret_cast<T*>(take_pages(size * sizeof(T)));
    }
    zero_pages(zero_pages&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    zero_pages& operator=(zero_pages&& other) noexcept {
        std::swap(first_, other.first_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~zero_pages() {
        if (first_) give_pages(reinterpret_cast<std::byte*>(first_), size_ * sizeof(T));
    }

    T& operator[](std::size_t i) { return first_[i]; }
    const T& operator[](std::size_t i) const { return first_[i]; }
    T* begin() { return first_; }
    T* end() { return first_ + size_; }
    const T* data() const { return first_; }
    std::size_t size() const { return size_; }
    std::span<const std::byte> memory() const { return std::as_bytes(std::span<const T>(first_, size_)); }

private:
    T* first_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace chronoknock

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace chronoknock {

using byte_view = std::span<const std::uint8_t>;

/// Reads big-endian fields from bytes that a stranger wrote. Reading past the end gives zeros and turns the
/// reader false for good, so a decoder reads all its fields and asks once.
class reader {
public:
    explicit reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    explicit operator bool() const { return ok_; }
    std::size_t left() const { return rest_.size(); }

    /// The next n bytes; empty, and the reader false, if there are fewer.
    std::span<const std::uint8_t> bytes(std::size_t n) {
        if (n > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.first(n);
        rest_ = rest_.subspan(n);
        return taken;
    }
    void skip(std::size_t n) { bytes(n); }
    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }

private:
    std::uint64_t number(std::size_t n) {
        std::uint64_t value = 0;
        for (const auto byte : bytes(n)) value = value << 8 | byte;
        return value;
    }

    std::span<const std::uint8_t> rest_;
    bool ok_ = true;
};

} // namespace chronoknock

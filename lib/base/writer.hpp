#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chronoknock {

/// Writes fields as reader reads them: big-endian.
class writer {
public:
    void bytes(std::string_view b) { text_ += b; }
    void u8(std::uint8_t n) { number(n, 1); }
    void u16(std::uint16_t n) { number(n, 2); }
    void u32(std::uint32_t n) { number(n, 4); }
    void u64(std::uint64_t n) { number(n, 8); }

    /// All that was written.
    const std::string& text() const { return text_; }

private:
    void number(std::uint64_t value, int n) {
        while (n-- > 0) text_ += static_cast<char>(value >> 8 * n);
    }

    std::string text_;
};

} // namespace chronoknock

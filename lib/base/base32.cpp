#include "base/base32.hpp"

namespace chronoknock {

namespace {

std::optional<std::uint32_t> digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'v') return c - 'a' + 10;
    if (c >= 'A' && c <= 'V') return c - 'A' + 10;
    return {};
}

} // namespace

std::string to_base32hex(std::span<const std::uint8_t> bytes) {
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
    std::string text;
    std::uint32_t waiting = 0;
    unsigned bits = 0;
    for (const auto byte : bytes) {
        waiting = waiting << 8 | byte;
        bits += 8;
        for (; bits >= 5; bits -= 5) text += digits[waiting >> (bits - 5) & 31];
    }
    if (bits > 0) text += digits[waiting << (5 - bits) & 31];
    return text;
}

std::optional<std::vector<std::uint8_t>> from_base32hex(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    std::uint32_t waiting = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const auto digit = digit_of(c);
        if (!digit) return {};
        waiting = waiting << 5 | *digit;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes.push_back(static_cast<std::uint8_t>(waiting >> bits));
    }
    if (bits >= 5 || (waiting & ((1u << bits) - 1)) != 0) return {};
    return bytes;
}

} // namespace chronoknock

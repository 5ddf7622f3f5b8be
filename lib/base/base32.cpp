#include "base/base32.hpp"

#include <array>
#include <cstddef>

namespace chronoknock {

namespace {

constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuv";
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_digit);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const std::size_t c = static_cast<unsigned char>(digits[i]);
        table[c] = static_cast<std::uint8_t>(i);
        if (i >= 10) table[c - 'a' + 'A'] = static_cast<std::uint8_t>(i);
    }
    return table;
}

constexpr auto values = make_values();

} // namespace

std::string to_base32hex(std::span<const std::uint8_t> bytes) {
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
    bytes.reserve(text.size() * 5 / 8);
    std::uint32_t waiting = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const auto value = values[static_cast<std::uint8_t>(c)];
        if (value == no_digit) return {};
        waiting = waiting << 5 | value;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes.push_back(static_cast<std::uint8_t>(waiting >> bits));
    }
    if (bits >= 5 || (waiting & ((1u << bits) - 1)) != 0) return {};
    return bytes;
}

} // namespace chronoknock

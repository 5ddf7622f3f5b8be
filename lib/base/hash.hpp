#pragma once

#include "base/address.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

/// Hashing for tables, by multiplication with secret factors: strangers who see no bucket cannot aim at one.
namespace chronoknock {

/// Random numbers that strangers must not know.
using hash_seed = std::array<std::uint64_t, 4>;

__extension__ using wide = unsigned __int128;

/// The halves of a product, folded into one word.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// An address as two words. No IPv4 address has the words of an IPv6 address that can send.
inline std::pair<std::uint64_t, std::uint64_t> words(const address& a) {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    const auto bytes = a.bytes();
    if (a.is_v4()) {
        std::memcpy(&low, bytes.data(), 4);
    } else {
        std::memcpy(&high, bytes.data(), 8);
        std::memcpy(&low, bytes.data() + 8, 8);
    }
    return {high, low};
}

} // namespace chronoknock

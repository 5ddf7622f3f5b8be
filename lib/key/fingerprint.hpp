#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace chronoknock::key {

/// A name for a key that tells nothing about its secret: 32 hexadecimal digits of a hash over it. Over
/// nothing else: what is burnt stays so when another field changes, which may leave some sequences as they
/// were.
std::string fingerprint(std::span<const std::uint8_t> secret);

/// What people compare at both ends: the first 12 digits of a fingerprint, as "3f2a-91c0-77de". Of a secret of 128
/// random bits or more it helps nobody to guess it. It would help with one of a few bits that a person chose, since
/// each guess can be tried on it: whoever has such a secret shows none.
std::string short_fingerprint(const std::string& fingerprint);

} // namespace chronoknock::key

#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace chronoknock::key {

/// A name for a key that tells nothing about its secret: 32 hexadecimal digits of a hash over it. Over
/// nothing else: what is burnt stays so when another field changes, which may leave some sequences as they
/// were.
std::string fingerprint(std::span<const std::uint8_t> secret);

} // namespace chronoknock::key

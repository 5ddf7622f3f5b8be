#pragma once

#include "key/psk.hpp"

#include <string>

namespace chronoknock::key {

/// A name for a key that tells nothing about its secret: 32 hexadecimal digits of a hash over it. Two keys
/// that make the same sequences have the same.
std::string fingerprint(const psk& k);

} // namespace chronoknock::key

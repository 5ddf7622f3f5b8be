#pragma once

#include "base/time.hpp"

#include <string>

namespace chronoknock {

/// As a number.
inline double in_seconds(nanoseconds d) { return std::chrono::duration<double>(d).count(); }

/// A time for people, to three digits or a tenth of a second: "0.213 ms", "4.2 s".
std::string in_words(nanoseconds d);

} // namespace chronoknock

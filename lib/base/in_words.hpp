#pragma once

#include "base/time.hpp"

#include <string>

namespace chronoknock {

/// A time for people, to three digits or a tenth of a second: "0.213 ms", "4.2 s".
std::string in_words(nanoseconds d);

} // namespace chronoknock

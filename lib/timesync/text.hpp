#pragma once

#include "base/time.hpp"

#include <string>

namespace chronoknock::timesync {

/// "+0.001234 s": to the microsecond.
std::string signed_seconds(nanoseconds d);
/// "0.001234 s"
std::string plain_seconds(nanoseconds d);

} // namespace chronoknock::timesync

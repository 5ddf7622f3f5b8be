#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <string_view>

namespace chronoknock {

/// A moment in UTC, of the years 1970 to 2200: "2026-12-31" (its first second), "2026-12-31 18:00", with
/// seconds if there are any; a T may stand in place of the blank, and a Z behind the time (RFC 3339).
result<unix_time> parse_date(std::string_view text);

} // namespace chronoknock

#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <string_view>

namespace chronoknock {

/// A moment in UTC, of the years 1970 to 2200: "2026-12-31" (its first second), "2026-12-31 18:00", with
/// seconds if there are any; a T may stand in place of the blank, and a Z behind the time (RFC 3339).
result<unix_time> parse_date(std::string_view text);

/// Which way from now a length of time counts.
enum class direction { back, ahead };

/// A moment, as options take it: so long from now ("30d", "12h", "90m", a plain number of seconds; at most
/// 100 years), seconds since the epoch ("@1800000000"), or what parse_date() takes. The error says so.
result<unix_time> parse_moment(std::string_view text, unix_time now, direction way);

} // namespace chronoknock

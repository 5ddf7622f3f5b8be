#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock {

/// Without blanks and tabs at both ends.
std::string_view trim(std::string_view text);

/// The parts between commas, trimmed; nothing for empty text.
std::vector<std::string_view> split_list(std::string_view text);

/// A decimal number within [least, most]; the error says the range.
result<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most);

/// "true" or "false".
result<bool> parse_bool(std::string_view text);

/// A plain number of seconds, or "500ms", "30s", "5m", "1h" (chronoknock.ini(5)), within [least, most].
result<nanoseconds> parse_duration(std::string_view text, nanoseconds least, nanoseconds most);

/// The shortest form that parse_duration reads back.
std::string to_string(nanoseconds d);

/// Text safe in one line of a log or a message, whoever wrote it: anything but printable ASCII becomes \xNN,
/// and more than 200 characters are cut.
std::string printable(std::string_view text);

/// Bytes from hexadecimal digits; the error never quotes the text, which may be a secret.
result<std::vector<std::uint8_t>> parse_hex(std::string_view text);

/// Seconds since the epoch as "2026-11-21 12:00:10", UTC.
std::string utc(std::int64_t t);

} // namespace chronoknock

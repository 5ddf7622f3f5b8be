#pragma once

#include <string_view>

/// The log: lines to standard error, journal-friendly. Callers never pass a secret or a knock's port; what a
/// stranger wrote goes through printable() first, and write() escapes line breaks all the same.
namespace chronoknock::io::log {

enum class level { info, warning, error };

/// Sets the least level that is written, and the sink.
void start(level least = level::info);

/// What cannot be written (a full disk) is counted, and the number told when writing works again.
void write(level l, std::string_view line);

inline void info(std::string_view line) { write(level::info, line); }
inline void warning(std::string_view line) { write(level::warning, line); }
inline void error(std::string_view line) { write(level::error, line); }

} // namespace chronoknock::io::log

#pragma once

#include <string_view>

/// The log: lines to standard error, journal-friendly. Callers never pass a secret or a knock's port; what a
/// stranger wrote goes through printable() first, and write() escapes line breaks all the same.
namespace chronoknock::io::log {

enum class level { debug, info, warning, error };

/// Sets the least level that is written, and the sink. Before it, info and above go to standard error.
void start(level least);

void write(level l, std::string_view line);

inline void debug(std::string_view line) { write(level::debug, line); }
inline void info(std::string_view line) { write(level::info, line); }
inline void warning(std::string_view line) { write(level::warning, line); }
inline void error(std::string_view line) { write(level::error, line); }

} // namespace chronoknock::io::log

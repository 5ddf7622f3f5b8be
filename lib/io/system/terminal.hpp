#pragma once

#include "base/error.hpp"

#include <string>

namespace chronoknock::io {

/// Asks for a line at the terminal, without showing what is typed; without a terminal it reads a line of
/// standard input.
result<std::string> read_unseen(const std::string& prompt);

} // namespace chronoknock::io

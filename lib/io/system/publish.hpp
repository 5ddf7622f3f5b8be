#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace chronoknock::io {

/// Puts a file in the place of what was there, whole: who looks meanwhile finds the old one or the new one.
/// It is written beside, by a name that begins with a dot. Only a regular file, or nothing, is replaced. Not
/// seen to the disk: a power failure may leave the old one, or nothing.
result<void> publish_file(const std::string& path, std::string_view text, mode_t mode);

} // namespace chronoknock::io

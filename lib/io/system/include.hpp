#pragma once

#include "config/parts.hpp"
#include "io/system/file_changes.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// Reads the files that a pattern matches (glob(7); a name that begins with a dot is matched by no *), as they would be
/// after the changes. Folders that are not there have no files; what cannot be read is an error.
result<std::vector<config::included_file>> read_included(const std::string& pattern,
                                                         const file_changes& after = {});

/// Whether a pattern matches a path.
bool is_included(const std::string& pattern, const std::string& path);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace chronoknock::io {

/// The place of the newest burnt token of each key (its fingerprint) in a state file, which a server may have
/// open; nothing if there is none yet. Read as the file's owner (do_as_owner()).
result<std::map<std::string, std::int64_t>> newest_places(const std::string& state);

} // namespace chronoknock::io

#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace chronoknock::io {

/// The place of the newest burnt token of each key (its fingerprint) in a state file, which a server may have
/// open; nothing if there is none yet, or it cannot be read.
std::map<std::string, std::int64_t> newest_places(const std::string& state);

} // namespace chronoknock::io

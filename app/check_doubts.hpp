#pragma once

#include "config/server.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::app {

/// The newest place that each key has used (io::newest_places), by its fingerprint.
using newest_places = std::map<std::string, std::int64_t>;

/// How many of a key's numbered knocks are left, if it has such.
std::optional<std::int64_t> passwords_left(const config::key_settings& k, const newest_places& used);

/// What a configuration allows and may still not be what its owner wants, a line each.
std::vector<std::string> doubts_on(const config::server& s, const newest_places& used);

} // namespace chronoknock::app

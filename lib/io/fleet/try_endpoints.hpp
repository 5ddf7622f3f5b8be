#pragma once

#include "config/fleet.hpp"

#include <string>
#include <utility>
#include <vector>

namespace chronoknock::io {

/// Asks each endpoint of a fleet's cluster; it blocks for some seconds at the most. Of each its name, and why
/// it does not answer; empty: it does.
std::vector<std::pair<std::string, std::string>> try_endpoints(const config::fleet_settings& f);

} // namespace chronoknock::io

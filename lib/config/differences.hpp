#pragma once

#include "config/server.hpp"

#include <string>
#include <vector>

namespace chronoknock::config {

/// What a configuration has that another had not, a line for each service, key and section: "key bob: added",
/// "service web: ports tcp/80, not tcp/8080". No secret, and of the ports only those that are guarded.
std::vector<std::string> differences(const server& before, const server& after);

} // namespace chronoknock::config

#pragma once

#include "config/server.hpp"

#include <string>

namespace chronoknock::app {

/// What `check --online` does besides: asks the time servers, and reads owners and modes. Prints what it
/// found; false if a server with this configuration could take no knocks now.
bool check_online(const config::server& s, const std::string& file);

} // namespace chronoknock::app

#pragma once

#include "config/profile.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Where the client's own configuration is: the file that was given, or client.ini in chronoknock's folder of
/// $XDG_CONFIG_HOME or of ~/.config.
std::string profiles_path(const std::optional<std::string>& given);

/// $HOME; empty if it is not set.
std::string home_folder();

/// Reads the client's configuration; `~/` is $HOME.
result<std::vector<config::profile>> load_profiles(const std::string& path);

/// The TCP port of a service's name, by services(5); ssh, http and https where that file is missing.
std::optional<std::uint16_t> port_of_service(const std::string& name);

} // namespace chronoknock::io

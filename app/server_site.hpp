#pragma once

#include "app/options.hpp"
#include "config/server.hpp"

#include <string>

namespace chronoknock::app {

inline constexpr auto default_config = "/etc/chronoknock/chronoknock.ini";

/// What a command goes by that is about the server of this machine.
struct server_site {
    std::string config; ///< its configuration; empty: none can be read
    config::server_paths paths;
};

/// Adds --config.
void add_config_option(po::options_description& options);

/// The configuration of --config; else the default one, if it can be read (not everybody may who may use the
/// control socket); else what the program has built in. No more of it is read than [server], so that it need
/// not be good. Throws stop where --config names what cannot be read.
server_site find_server(const po::variables_map& options);

} // namespace chronoknock::app

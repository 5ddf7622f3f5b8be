#pragma once

#include "app/options.hpp"
#include "config/server.hpp"

#include <string>
#include <vector>

/// What `invite` and `uninvite` have in common: they change a server's configuration.
namespace chronoknock::app {

/// Where a configuration has its parts.
struct site {
    std::string config;  ///< its own file, a whole path
    std::string control; ///< its server's socket
    std::string include; ///< its pattern; empty: none

    std::string key_file(const std::string& name) const;
};

/// The option --config.
void add_site_option(po::options_description& options);
/// Reads no more of the configuration than that, so that it need not be good yet. Throws stop.
site find_site(const po::variables_map& options);

/// The keys of a person, the oldest first: alice, alice.2, ...
std::vector<const config::key_settings*> keys_of(const config::server& c, const std::string& person);

} // namespace chronoknock::app

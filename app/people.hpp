#pragma once

#include "app/folder_change.hpp"
#include "app/options.hpp"
#include "config/server.hpp"
#include "io/system/file_changes.hpp"

#include <optional>
#include <string>
#include <vector>

/// What `invite` and `uninvite` have in common: they change a server's configuration.
namespace chronoknock::app {

/// Where a server's configuration has its parts.
struct site {
    std::string config;                  ///< its own file, a whole path
    std::string control;                 ///< its server's socket
    std::string include;                 ///< its pattern; empty: none
    std::optional<io::folder_lock> lock; ///< keeps others from changing it meanwhile

    std::string key_file(const std::string& name) const;
};

/// The site of find_server(), locked; what changes that were broken off had put aside is deleted. Reads no
/// more of the configuration than that, so that it need not be good yet. Throws stop.
site find_site(const po::variables_map& options);

/// Whether a section [key.NAME] has a file for its key, as far as the configuration can be read: what cannot
/// be may name it.
bool names_key_file(const site& s, const std::string& path);

/// The text of a file as it will be, to be changed: as some changes have it by now, else, from then on among
/// them, as it is. Throws stop where it cannot be read.
std::string& text_to_change(io::file_changes& changes, const std::string& path);

/// The keys of a person, the oldest first: alice, alice.2, ...
std::vector<const config::key_settings*> keys_of(const config::server& c, const std::string& person);

} // namespace chronoknock::app

#pragma once

#include "app/options.hpp"
#include "config/server.hpp"
#include "io/system/folder_lock.hpp"

#include <optional>
#include <string>
#include <vector>

/// What `invite`, `uninvite` and `profile` have in common: they change a configuration.
namespace chronoknock::app {

/// Where a server's configuration has its parts.
struct site {
    std::string config;                  ///< its own file, a whole path
    std::string control;                 ///< its server's socket
    std::string include;                 ///< its pattern; empty: none
    std::optional<io::folder_lock> lock; ///< keeps others from changing it meanwhile

    std::string key_file(const std::string& name) const;
};

/// How long another command that changes the same files is waited for.
inline constexpr nanoseconds patience_with_others = seconds(5);

/// Takes the lock of a file's folder for a change. Throws stop.
io::folder_lock lock_folder_of(const std::string& file);

/// The site of find_server(), locked. Reads no more of the configuration than that, so that it need not be
/// good yet. Throws stop.
site find_site(const po::variables_map& options);

/// The keys of a person, the oldest first: alice, alice.2, ...
std::vector<const config::key_settings*> keys_of(const config::server& c, const std::string& person);

} // namespace chronoknock::app

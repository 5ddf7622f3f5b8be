#pragma once

#include "config/server.hpp"
#include "io/system/file_changes.hpp"

#include <functional>
#include <string>

namespace chronoknock::io {

/// Whether a configuration may be without a key, so that nobody gets in.
enum class without_keys {
    refused,    ///< whoever has not made one yet would lock himself out
    once_served ///< where a server has kept its record: all its keys have been taken out
};

/// Where a configuration comes from: its own file, key files by their paths, included ones by pattern,
/// certificates ([time] nts_ca, [fleet]), and the secrets of [fleet], which nobody else may read.
struct config_source {
    std::function<result<std::string>(const std::string& path)> text;
    config::key_loader key;
    config::includer included;
    std::function<result<std::string>(const std::string& path)> authorities;
    std::function<result<key::secret_text>(const std::string& path)> secret;
};

/// Reads a server's configuration with the files that it includes and its key files, as they would be after
/// some changes. Refused besides what parse_server refuses: a key file that others can read or write, unless
/// allowed, and a key whose security budget is below 60 bits, unless its section allows it
/// (chronoknock-protocol(7), SECURITY BUDGET), and a user whom this host does not know. Errors are one line.
result<config::server> load_server_config(const std::string& path, bool allow_loose_permissions,
                                          const file_changes& after = {},
                                          without_keys none = without_keys::refused);

/// The same from elsewhere, but for the user: a server that has become him may have no way to ask for him.
result<config::server> load_server_config(const std::string& path, const config_source& from,
                                          without_keys none);

/// Whether there is the user that [server] user names; the error names section and field.
result<void> find_user(const config::server& c);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"
#include "firewall/rules.hpp"

#include <string>

/// The last good guard, kept beside the server's state: a plain script for `nft -f`, for the day when there
/// is no valid configuration to make one from.
namespace chronoknock::io {

/// The file, in the folder of [server] state: "/var/lib/chronoknock/guard.nft".
std::string last_guard_path(const std::string& state);

/// Writes the guard of these rules there, as this network namespace needs it now.
result<void> keep_last_guard(const std::string& state, firewall::rules r);

/// Sets up what a file holds. Refused: one that others than we and root can have written, for nft reads any
/// file that a script includes, and tells what it does not understand.
result<void> load_last_guard(const std::string& path);

/// Takes away our table, and the file beside the state, for a backend that needs neither. True: there was a
/// table.
result<bool> remove_guard(const std::string& state);

/// A table of our name is there, and it is not somebody else's.
bool guard_stands();

} // namespace chronoknock::io

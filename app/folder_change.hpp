#pragma once

#include "base/time.hpp"
#include "io/system/folder_lock.hpp"

#include <string>

/// What commands that change a configuration, of server or client, have in common.
namespace chronoknock::app {

/// How long another command that changes the same files is waited for.
inline constexpr nanoseconds patience_with_others = seconds(5);

/// Takes the lock of a file's folder for a change. Throws stop.
io::folder_lock lock_folder_of(const std::string& file);

} // namespace chronoknock::app

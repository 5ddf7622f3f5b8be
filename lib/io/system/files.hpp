#pragma once

#include "base/error.hpp"
#include "key/credential.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace chronoknock::io {

/// The whole of a regular file; an error that names it when it is none, cannot be read or is longer than
/// `most` bytes.
result<std::string> read_file(const std::string& path, std::size_t most = 16 << 20);

/// Reads a key file. Refused, unless loose permissions are allowed: one that others than its owner can read
/// or write, and one that belongs to somebody who is neither we nor root, for he can.
result<key::credential_ptr> load_key_file(const std::string& path, bool allow_loose_permissions);

/// Writes a file that was not there, mode 0600, and sees it to the disk. Never overwrites. The file comes to
/// be whole or not at all, also when we are killed; only where the file system has no files without a name
/// (open(2), O_TMPFILE) a kill leaves one with six characters behind its name.
result<void> write_new_file(const std::string& path, std::string_view text);

/// Takes back a file that write_new_file() wrote.
void remove_file(const std::string& path);

/// Writes a file, mode 0600, with the folders it needs, and sees it to the disk: whoever looks, and whenever
/// the power fails, finds the old file or the new one, whole.
result<void> replace_file(const std::string& path, std::string_view text);

/// Sees to it that the name of a file, or its absence, is on the disk: what its folder says is.
void sync_folder(const std::string& path);

/// Makes a folder and those above it, each for the user alone.
void make_folders(const std::filesystem::path& folder);

} // namespace chronoknock::io

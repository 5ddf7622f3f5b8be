#pragma once

#include "base/error.hpp"
#include "key/credential.hpp"
#include "key/secret.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

namespace chronoknock::io {

/// The whole of a regular file; an error that names it when it is none, cannot be read or is longer than
/// `most` bytes.
result<std::string> read_file(const std::string& path, std::size_t most = 16 << 20);

/// The same of a file that nobody but we and root can have written or put there: no link, and of one name.
result<std::string> read_own_file(const std::string& path);

/// The same for one that a pattern has found, of any mode and by a link, too: who may make files in its
/// folder (the server's user in that of the record) is not to have them read as root's configuration.
result<std::string> read_found_file(const std::string& path);

/// Reads a key file. Refused, unless loose permissions are allowed: one that others than its owner can read
/// or write, and one that belongs to somebody who is neither we nor root, for he can.
result<key::credential_ptr> load_key_file(const std::string& path, bool allow_loose_permissions);
/// Its text alone.
result<key::secret_text> read_key_text(const std::string& path, bool allow_loose_permissions);
/// The key in the text of a file.
result<key::credential_ptr> read_key(const std::string& path, std::string_view text);

/// Writes a file that was not there, mode 0600, and sees it to the disk. Never overwrites. The file comes to
/// be whole or not at all, also when we are killed; only where the file system has no files without a name
/// (open(2), O_TMPFILE) a kill leaves one whose name begins with a dot.
result<void> write_new_file(const std::string& path, std::string_view text);

/// Takes back a file that write_new_file() wrote.
void remove_file(const std::string& path);

/// How a file is that takes the place of another.
struct file_look {
    mode_t mode = 0600;
    std::optional<std::pair<uid_t, gid_t>> owner = {}; ///< none: ours
    bool to_disk = true;                               ///< it is seen there before it gets the name
    bool over_folders = false; ///< a folder that has the name is left beside, under the other one
};

/// Puts a file in the place of what has its name, if anything: whoever looks meanwhile finds the old one or
/// the new one, whole. A link is replaced, not followed. Until it is whole it stands beside, under a name
/// that begins with a dot, which no pattern like *.ini matches, and that nobody can have laid out before;
/// owner and mode are set by its descriptor. A kill may leave it there.
result<void> put_in_place(const std::string& path, std::string_view text, const file_look& how = {});

/// The same, mode 0600, with the folders that it needs, also where somebody else has made a folder by that
/// name.
result<void> replace_file(const std::string& path, std::string_view text);

/// Sees to it that the name of a file, or its absence, is on the disk: what its folder says is.
void sync_folder(const std::string& path);

/// The folder of a file, by its path: "." for a name alone.
std::string folder_of(const std::string& path);

/// Makes a folder and those above it, each for the user alone.
void make_folders(const std::filesystem::path& folder);

} // namespace chronoknock::io

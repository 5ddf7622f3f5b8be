#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

/// Who else than root and we can change what the server goes by.
namespace chronoknock::io {

/// How far others are kept from a file or folder.
enum class kept_from { writing, reading };

/// Somebody else who may, and his group: the server's user. Nobody: root and we alone.
struct also_trusted {
    uid_t user = 0;
    gid_t group = 0;
};

/// Why others can change a file or folder, or, if that is asked, get at what is in it; empty: they cannot, or
/// it is not there. `which` names it: "the configuration". A sticky folder is writable by everybody, and no
/// file in it is theirs to replace.
std::string doubt_on_owner(const std::string& path, const std::string& which,
                           kept_from others = kept_from::writing,
                           const std::optional<also_trusted>& but = {});

/// The folders that a path leads through, links followed, the file's own first: whoever can write to one of
/// them can put another file in the place of this one.
std::vector<std::string> folders_on_the_way(const std::string& path);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// Files and folders, with all that is in them. What is not there is passed over.
struct open_paths {
    std::vector<std::string> readable;
    std::vector<std::string> writable; ///< also readable
};

/// From now on this process and its threads to come reach no other files, execute none, and (Linux 6.12)
/// neither signal nor connect by abstract sockets to processes outside (landlock(7)). Needs no_new_privs.
/// Gives the version of the kernel's interface; 0: it has none, and nothing is restricted.
result<int> restrict_files(const open_paths& paths);

} // namespace chronoknock::io

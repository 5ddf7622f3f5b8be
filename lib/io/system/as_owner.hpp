#pragma once

#include "base/error.hpp"

#include <functional>
#include <string>

namespace chronoknock::io {

/// Does something with a file in a process of its own, with the rights of the file's owner and no others: no
/// capability, none to be gained by exec, and (Landlock) no other files than those of its folder, besides
/// what everybody reads of the system. For files that somebody less trusted than us may have written, and put
/// others beside, as the server's user can. Gives what `work` gives. An error: it is not there, or no regular
/// file, or we cannot become its owner; nothing was done then. Before there is a second thread.
result<std::string> do_as_owner(const std::string& path, const std::function<result<std::string>()>& work);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"

namespace chronoknock::io {

/// From now on this process makes no other system calls than a lookup of a name needs (getaddrinfo(3), with
/// modules of nsswitch.conf(5) that ask a daemon): no program, no process, no thread, no change of files.
/// Others fail with EPERM. Needs no_new_privs. An error: nothing is restricted.
result<void> restrict_to_lookups();

} // namespace chronoknock::io

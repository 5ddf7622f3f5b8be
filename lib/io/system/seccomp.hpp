#pragma once

#include "base/error.hpp"
#include "io/system/descriptor.hpp"

namespace chronoknock::io {

/// Who opens packet sockets, and raw ones that only send, for the process.
enum class packet_sockets {
    itself,
    /// Whoever has the listener (seccomp_unotify(2)): calls for them wait for his answer.
    listener
};

/// From now on this process, and its threads to come, make no other system calls than a server needs: no
/// exec, no new process, and sockets of AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (of routes, sockets
/// and netfilter) and AF_PACKET only. Others
/// fail with EPERM. Needs no_new_privs. Gives the listener, if that is wanted. An error: nothing is
/// restricted.
result<descriptor> restrict_calls(packet_sockets by);

} // namespace chronoknock::io

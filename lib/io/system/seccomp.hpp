#pragma once

#include "base/error.hpp"
#include "io/system/descriptor.hpp"

namespace chronoknock::io {

/// Who opens packet sockets for the process.
enum class packet_sockets {
    itself,
    /// Whoever has the listener (seccomp_unotify(2)): calls for them wait for his answer.
    listener
};

/// Whether it makes sockets of AF_UNIX. Landlock restricts no connection to one by its path, and daemons do
/// for root what root asks.
enum class path_sockets { none, any };

/// From now on this process, and its threads to come, make no other system calls than a server needs: no
/// exec, no new process, no file that runs with its owner's name (set-user-ID, set-group-ID), no signal to
/// others by a descriptor, and sockets of AF_NETLINK (routes, sockets, netfilter), AF_PACKET and, if so
/// wanted, AF_UNIX, or else datagrams of AF_INET, only (Internet sockets: internet_socket.hpp). Others fail
/// with EPERM. Needs no_new_privs.
/// Gives the listener, if that is wanted. An error: nothing is restricted.
result<descriptor> restrict_calls(packet_sockets by, path_sockets own);

} // namespace chronoknock::io

#pragma once

#include "base/address.hpp"
#include "io/system/descriptor.hpp"

namespace chronoknock::io {

/// Has the kernel keep what ICMP says of a socket's packets (IP_RECVERR of ip(7)). For short-lived sockets:
/// to TCP all of it is final then.
void keep_path_reports(const descriptor& socket, const address& to);

/// True if it was the host itself that said it, as a firewall does that rejects: it is there, and the packet
/// has come to it.
bool host_reported(const descriptor& socket, const address& host);

} // namespace chronoknock::io

#pragma once

#include "io/client/socket_address.hpp"

namespace chronoknock::io {

/// True if packets to this address pass no router: the kernel's route has no gateway, and leaves by a link
/// that many hosts share, or stays within this machine. A tunnel (tun, WireGuard, PPP) is none: its other end
/// may be anywhere. False where the kernel does not say.
bool is_on_link(const destination& to);

} // namespace chronoknock::io

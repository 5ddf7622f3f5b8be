#pragma once

#include "io/helper/site.hpp"
#include "io/system/descriptor.hpp"

#include <cstdint>
#include <sys/types.h>

namespace chronoknock::io {

/// Marks, on the channel, the listener of a seccomp filter; other marks are kinds of requests.
inline constexpr std::uint8_t listener_mark = 255;

/// The helper's life: what comes through the channel is carried out, each request by a child of its own, so
/// that none holds up another. Ends the process when the other end of the channel is gone, and when the
/// server is, whoever may have a duplicate of that end. Of a server that has forked us: it is our parent.
[[noreturn]] void serve_parent(descriptor channel, const helper_site& site, pid_t parent);
/// Of one that has connected to us, and was admitted (peer.hpp): its end can be read at the handle.
[[noreturn]] void serve_peer(descriptor channel, const helper_site& site, descriptor handle);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"
#include "io/system/descriptor.hpp"

namespace chronoknock::io {

/// Carries bytes between two open files and a connection, both ways at once, until both ways have ended: the
/// end of `in` ends the connection's sending side (shutdown(2)), the end of what the peer sends closes
/// `out`. Ends early where the connection breaks or nobody reads `out` any more. Without a copy through this
/// program where the kernel can (splice(2)). May leave a thread behind that waits for `in`.
void relay(int in, int out, const descriptor& connection);

/// Gives a connection to the program at the other end of a Unix socket (unix(7), SCM_RIGHTS), as ssh's
/// ProxyUseFdpass wants it: with one byte.
result<void> pass_descriptor(int to, const descriptor& connection);

} // namespace chronoknock::io

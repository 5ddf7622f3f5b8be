#pragma once

#include "io/helper/site.hpp"
#include "io/system/descriptor.hpp"

#include <cstdint>
#include <sys/types.h>

namespace chronoknock::io {

/// Marks, on the channel, the listener of a seccomp filter; other marks are kinds of requests.
inline constexpr std::uint8_t listener_mark = 255;

/// The helper's life: what comes through the channel is carried out, each request by a child of its own, so
/// that none holds up another. Ends the process when the other end of the channel is gone, and when `server`,
/// our parent, is, whoever may have a duplicate of that end.
[[noreturn]] void serve_requests(descriptor channel, const helper_site& site, pid_t server);

} // namespace chronoknock::io

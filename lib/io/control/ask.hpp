#pragma once

#include "base/time.hpp"
#include "io/control/protocol.hpp"

#include <string>

namespace chronoknock::io {

/// How long a client waits for the daemon.
struct ask_limits {
    milliseconds step{5000}; ///< to connect, and for each part of the answer: longer than a place is held by
                             ///< somebody who does not read
    milliseconds all{60000};
};

/// For a reload: 10,000 keys take some time, and systemd waits for 90 s.
inline constexpr ask_limits reload_limits{seconds(85), seconds(85)};
/// For connections that are to be cut: the kernel takes some seconds to list sets of flows that are full.
inline constexpr ask_limits cut_limits{seconds(30), seconds(60)};

/// Asks the daemon behind a control socket. Blocks, for as long as the limits say whatever the daemon does.
/// An error if no whole answer comes, or the answer is one.
answer ask(const std::string& path, const request& r, const ask_limits& limits = {});

/// Somebody takes connections at a path, or would if he came to it.
bool somebody_listens(const std::string& path);

} // namespace chronoknock::io

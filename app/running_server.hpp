#pragma once

#include <string>
#include <vector>

namespace chronoknock::app {

/// Has the running server take up a changed configuration, and says what came of it. False: a server is there, and did
/// not. control: its socket.
bool take_up(const std::string& control);

/// Ends the grants of keys that are no longer in the configuration; cut: and their connections. Says what came of it.
/// False: a server is there, and failed to.
bool end_grants(const std::string& control, const std::vector<std::string>& keys, bool cut);

} // namespace chronoknock::app

#pragma once

#include <string>

namespace chronoknock::io {

/// What the helper goes by, from before the server began to read what others wrote.
struct helper_site {
    std::string config; ///< the server's configuration
    bool allow_loose_permissions = false;
    std::string state; ///< [server] state: guard.nft stands beside it
};

} // namespace chronoknock::io

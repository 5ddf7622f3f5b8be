#pragma once

#include "config/server.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// What keeps strangers from a service, as far as this host tells, for `check`.
struct protection {
    std::string by;                  ///< one line for people
    std::vector<std::string> doubts; ///< why it may be that nothing does, a line each
};

/// It reads the kernel's rules where grants go into sets of the operator's, which needs CAP_NET_ADMIN.
protection protection_of(const config::server& c, const service& s);

} // namespace chronoknock::io

#pragma once

#include "grant/history.hpp"
#include "report/series.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::report {

/// Of a running server.
struct running_server {
    bool accepting = false;
    std::string problem; ///< what it waits for
    std::string clock;   ///< in a line
    std::optional<std::uint64_t> grants;
    seconds uptime{0};
};

/// What a page shows. Texts may come from anywhere.
struct findings {
    unix_time now;
    nanoseconds since{0}; ///< how far back it goes
    std::string host;
    std::string version;
    std::optional<running_server> running = {};
    std::string not_running = {}; ///< why there is none, else
    struct key {
        std::string name;
        std::string services;
        double security_bits = 0;
        std::optional<unix_time> last = {}; ///< use, as the server knows it
    };
    std::vector<key> keys = {};                        ///< configured; none: not known
    std::vector<granting::history_entry> history = {}; ///< the newest first
    std::vector<period> series = {};                   ///< the oldest first
};

/// One page of HTML that needs nothing from elsewhere: no script, style and pictures within. Light and dark
/// as its reader has it, for a screen of any width.
std::string page(const findings& f);

} // namespace chronoknock::report

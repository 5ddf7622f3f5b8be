#pragma once

#include "base/time.hpp"
#include "config/server.hpp"

#include <string>
#include <utility>
#include <vector>

namespace chronoknock::app {

/// What `check --online` finds besides.
struct online_findings {
    struct time_server {
        std::string name;
        bool sampled = false; ///< it has answered
        nanoseconds offset{0};
        nanoseconds bound{0};
        std::string problem;
    };
    std::vector<time_server> servers;
    std::string verdict; ///< what they come to; empty: there are none to ask
    std::vector<std::pair<std::string, std::string>> endpoints; ///< of [fleet]; problem, empty: it answers
    std::string state_to_come;       ///< the folder of the record, if it is not there yet
    std::vector<std::string> doubts; ///< a line each
    std::string obstacle;            ///< why a server could take no knock now; empty: it could
};

/// Asks the time servers and the fleet's cluster, and reads owners and modes of all files that the
/// configuration `file` is made of, and of the folders they are in.
online_findings check_online(const config::server& s, const std::string& file);

} // namespace chronoknock::app

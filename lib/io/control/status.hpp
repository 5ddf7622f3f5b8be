#pragma once

#include "config/server.hpp"
#include "io/capture/capture.hpp"
#include "io/firewall/backend.hpp"
#include "method/time_sequence/matcher.hpp"
#include "timesync/synchroniser.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// What the daemon has seen and done since it started.
struct knock_counters {
    std::uint64_t granted = 0;
    std::uint64_t repeated = 0; ///< later rounds of granted knocks
    std::uint64_t refused = 0;  ///< replays and what else the replay guard refused
    std::uint64_t failed = 0;   ///< accepted, but the store or the firewall failed
    std::uint64_t untimely = 0; ///< SYNs that came while the clock was not synchronised
};

/// All that `status` tells.
struct snapshot {
    const config::server& configuration;
    instant started;
    instant now;
    unix_time system;
    std::string problem{}; ///< what the start-up waits for
    timesync::report time{};
    bool accepting = false;
    capture::counters packets{};
    time_sequence::matcher::counters matching{};
    std::size_t tracker_bytes = 0;
    std::size_t live_sequences = 0;
    std::size_t burnt = 0;
    knock_counters knocks{};
    result<std::vector<live_grant>> grants{};
};

/// One JSON object, a line.
std::string status_json(const snapshot& s);

/// The same, read back, for people.
result<std::string> status_text(const std::string& json);

} // namespace chronoknock::io

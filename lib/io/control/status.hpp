#pragma once

#include "config/server.hpp"
#include "grant/pipeline.hpp"
#include "io/capture/capture.hpp"
#include "io/confinement.hpp"
#include "io/firewall/backend.hpp"
#include "io/fleet/member.hpp"
#include "timesync/synchroniser.hpp"

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
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
    std::string problem{};              ///< why no knock is taken; empty: they are
    std::optional<nanoseconds> trial{}; ///< what is left of it, if the guard is on trial
    timesync::report time{};
    const confinement* confined = nullptr; ///< null: nothing is known of it
    bool accepting = false;
    capture::counters packets{};
    /// What the verifiers count by a name.
    std::function<std::uint64_t(std::string_view)> count = [](std::string_view) { return 0; };
    std::size_t burnt = 0;
    std::uint64_t shared = 0;            ///< grants by knocks on other hosts of the fleet
    std::optional<fleet_report> fleet{}; ///< none: there is no fleet
    knock_counters knocks{};
    histogram delays{}; ///< from knock to grant
    result<std::vector<live_grant>> grants{};
    std::function<std::vector<std::string>(const live_grant&)> keys_of = [](const live_grant&) {
        return std::vector<std::string>();
    };
    std::function<const granting::pipeline::key_counters*(const std::string&)> count_of =
        [](const std::string&) { return nullptr; };
};

/// Grants with the keys that hold them, `most` of them at most: {"live": NUMBER, "list": [...]}.
boost::json::object grants_json(const snapshot& s, std::size_t most);

boost::json::object status_json(const snapshot& s);

/// Of the fleet: its cluster, and its hosts. now: by the clock.
boost::json::object fleet_json(const fleet_report& r, const std::vector<fleet::host_record>& hosts,
                               unix_time now);

} // namespace chronoknock::io

#pragma once

#include "base/histogram.hpp"
#include "report/series.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::report {

/// What a fleet does, as this member sees it.
struct fleet_figures {
    bool lost = false;
    bool watching = false;
    std::size_t endpoints = 0, answering = 0;
    std::size_t grants = 0;
    std::uint64_t burnt = 0, shared = 0, ignored = 0, times_lost = 0;
};

/// What metrics tell of a server. No secret, no address, no port.
struct metrics {
    std::string version;
    unix_time started;
    bool accepting = false;
    struct {
        std::uint64_t seen = 0, syns = 0, malformed = 0, elsewhere = 0, dropped = 0;
    } packets{};
    std::uint64_t syns_outside = 0; ///< to ports that no key's knocks use
    std::uint64_t syns_in_pool = 0; ///< to ports of the pools: nearly all of them strangers'
    struct {
        std::uint64_t granted = 0, repeated = 0, refused = 0, failed = 0;
    } knocks{};
    std::uint64_t untimely_syns = 0;
    bool synchronised = false;
    std::optional<clock_state> clock = {};
    std::size_t servers_agreeing = 0;
    std::size_t servers_needed = 0;
    std::optional<std::size_t> grants = {}; ///< live; none: the firewall could not tell
    std::size_t burnt = 0;
    std::size_t keys_configured = 0;
    struct key {
        std::string name;
        std::uint64_t granted = 0;
        unix_time last{};
    };
    std::vector<key> keys = {};          ///< those with series of their own: most_keys at most
    std::uint64_t granted_to_others = 0; ///< to keys beyond these
    histogram delays = {};
    std::optional<fleet_figures> fleet = {}; ///< none: there is no fleet
};

/// Keys with series of their own: the first ones that were granted something. Each is two series.
inline constexpr std::size_t most_keys = 1000;

/// The two forms of the same text. They differ in the names of counters and in the end mark; each reader
/// misreads or refuses the other's.
enum class exposition {
    openmetrics, ///< OpenMetrics 1.0
    prometheus   ///< text format 0.0.4, which node_exporter's textfile collector and promtool read
};

std::string to_text(const metrics& m, exposition form);
/// For HTTP.
std::string_view media_type(exposition form);
/// What a scraper asks for by the field Accept of its request (RFC 9110, section 12.5.1): OpenMetrics if it
/// is named there and not refused.
exposition asked_for(std::string_view accept);

/// A value of a label as it stands between quotation marks.
std::string label_value(std::string_view text);

} // namespace chronoknock::report

#pragma once

#include "base/time.hpp"

#include <optional>
#include <string_view>

namespace chronoknock::timesync {

/// What is known of the time before certificates of key establishment servers (RFC 8915, section 8.5) are
/// checked.
struct known_time {
    std::optional<unix_time> estimate; ///< what the time servers said, if they ever did
    unix_time system;                  ///< the system clock; a machine without a battery starts in the past
    unix_time newest;                  ///< that the record of burnt knocks knows of
    unix_time build;                   ///< the program's: it runs later
};

/// A moment by which certificates are judged, and who says so: whoever reads of a refusal has to know what to
/// set right.
struct judging_time {
    unix_time at;
    std::string_view by;
};

/// The moment by which the dates of certificates are judged; nothing: they are not looked at, as it may be
/// configured for a machine that cannot know the date until its first fix. A clock that is behind would
/// otherwise refuse certificates that are good, or take those that expired long ago.
inline std::optional<judging_time> certificate_time(const known_time& k, bool unchecked_until_a_fix) {
    const judging_time build{k.build, "the program's build"};
    const auto later = [](const judging_time& a, const judging_time& b) { return a.at < b.at ? b : a; };
    if (k.estimate) return later({*k.estimate, "the time servers"}, build);
    if (unchecked_until_a_fix) return std::nullopt;
    return later(later({k.system, "the system clock"}, {k.newest, "the newest knock in the record"}), build);
}

} // namespace chronoknock::timesync

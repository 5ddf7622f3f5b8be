#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <optional>

namespace chronoknock::timesync {

/// What is known of the time before certificates of key establishment servers (RFC 8915, section 8.5) are
/// checked.
struct known_time {
    std::optional<unix_time> estimate; ///< what the time servers said, if they ever did
    unix_time system;                  ///< the system clock; a machine without a battery starts in the past
    unix_time newest;                  ///< that the record of burnt knocks knows of
    unix_time build;                   ///< the program's: it runs later
};

/// The moment by which the dates of certificates are judged; nothing: they are not looked at, as it may be
/// configured for a machine that cannot know the date until its first fix. A clock that is behind would
/// otherwise refuse certificates that are good, or take those that expired long ago.
inline std::optional<unix_time> certificate_time(const known_time& k, bool unchecked_until_a_fix) {
    if (k.estimate) return std::max(*k.estimate, k.build);
    if (unchecked_until_a_fix) return std::nullopt;
    return std::max({k.system, k.newest, k.build});
}

} // namespace chronoknock::timesync

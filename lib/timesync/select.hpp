#pragma once

#include "base/time.hpp"

#include <optional>
#include <span>
#include <vector>

/// Across servers: who agrees, and on what.
namespace chronoknock::timesync {

/// What one server allows: the truth lies in [offset - distance, offset + distance] if it is honest.
struct candidate {
    nanoseconds offset{0};
    nanoseconds distance{0};
};

/// As `chronyc sources` shows them.
enum class mark : char {
    unusable = '?',    ///< not heard, or without a voice
    falseticker = 'x', ///< its interval has no point in common with the agreement
    outlier = '-',     ///< agrees, but its middle lies outside: not combined
    combined = '+',
    system = '*' ///< combined, and of the smallest distance
};

struct selection {
    bool agreed = false;
    nanoseconds low{0}; ///< the truth is within [low, high], if most servers are honest
    nanoseconds high{0};
    nanoseconds offset{0};    ///< combined, within [low, high]
    std::vector<mark> marks;  ///< one for each candidate
    std::size_t agreeing = 0; ///< marked * or +
};

/// How many of so many servers must be heard: one more than may lie. Of n servers a minority f = ceil(n/2)
/// - 1.
std::size_t needed(std::size_t voices);

/// Marzullo's intersection (RFC 5905, section 11.2.1), made strict. The RFC looks for the smallest number of
/// liars that explains what is seen; a liar whose interval overlaps the truth's neighbourhood then cuts the
/// truth off. Here it is always supposed that a whole minority f of all `voices` lies and that any of the
/// others may be silent: the truth is then covered by at least k - f of the k intervals at hand, and the
/// result is all points so covered. If they are not one interval, there is no telling which: no agreement.
/// Midpoints are not counted (as in ntpd since 4.2.6): asymmetric paths move them about. voices: servers that
/// have one, heard or not; candidates: empty if not heard.
selection select(std::span<const std::optional<candidate>> candidates, std::size_t voices);

} // namespace chronoknock::timesync

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
    std::size_t heard = 0;    ///< candidates
    std::size_t agreeing = 0; ///< marked *, + or -
};

/// How many of so many servers must be heard: one more than may lie. Of n servers a minority f = ceil(n/2)
/// - 1.
std::size_t needed(std::size_t voices);

/// Marzullo's intersection (RFC 5905, section 11.2.1), made strict. The RFC looks for the smallest number of
/// liars that explains what is seen; a liar whose interval overlaps the honest ones beside the truth then
/// cuts the truth off. Here it is always supposed that a whole minority f of all `voices` lies, and any
/// others may be silent: the truth is then covered by at least k - f of the k intervals heard, and the result
/// spans all points so covered. If there is a gap in it that no interval covers, there is no telling which
/// side: no agreement. Midpoints are not counted (as ntpd does no more): asymmetric paths move them about.
/// candidates: empty where not heard. voices: servers that have one, heard or not.
selection select(std::span<const std::optional<candidate>> candidates, std::size_t voices);

} // namespace chronoknock::timesync

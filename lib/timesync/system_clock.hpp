#pragma once

#include "base/time.hpp"

#include <cstdint>
#include <string>

namespace chronoknock::timesync {

/// What the kernel says of its clock (ntp_adjtime, RFC 5905's kernel interface).
struct kernel_clock {
    bool readable = true;       ///< the call was answered
    bool unsynchronised = true; ///< TIME_ERROR was its result, or STA_UNSYNC is set
    nanoseconds max_error{0};   ///< maxerror; the kernel lets it grow by 500 ppm
    nanoseconds offset{0};      ///< what it has still to slew by
};

/// How far a system clock is trusted that no server checks.
struct system_trust {
    nanoseconds bound{0};
    std::string warning; ///< why it is only the operator's word; empty if the kernel vouches for it
};

/// The bound on the word of the operator: more than any machine that keeps its clock by NTP is off by, and
/// what a hand may set it to.
inline constexpr nanoseconds operators_word = milliseconds(500);

/// The bound alone, which is asked for with each batch of packets.
nanoseconds trusted_bound(const kernel_clock& k, nanoseconds max_error);

/// The kernel's own bound where it says that its clock is synchronised to max_error, else the operator's
/// word: a daemon that lost its servers must not lock the owner out, hours later.
system_trust trust_system_clock(const kernel_clock& k, nanoseconds max_error);

} // namespace chronoknock::timesync

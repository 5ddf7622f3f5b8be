#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "timesync/ntp_packet.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

/// What one exchange with a server says.
namespace chronoknock::timesync {

/// Why an answer counts for nothing.
enum class refusal {
    wrong_origin, ///< not an answer to our question: old, duplicate or forged
    not_authenticated,
    wrong_mode,
    wrong_version,
    unsynchronised,  ///< leap indicator 3 or stratum 16
    bad_stratum,     ///< beyond 16
    bad_distance,    ///< root distance of 16 s or more (MAXDISP)
    bad_reference,   ///< set after it was sent
    no_time,         ///< a timestamp is missing
    goes_backwards,  ///< sent before it was received
    impossible_delay ///< the server held it for longer than we waited
};
std::string_view to_string(refusal r);

/// Kiss-o'-death codes that ask for something (RFC 5905, section 7.4; RFC 8915, section 5.7).
enum class kiss {
    deny,      ///< DENY
    restrict_, ///< RSTR
    rate,      ///< RATE
    nts_nak,   ///< NTSN: the server knows the cookie no more
    init,      ///< INIT: the server is not synchronised yet
    other      ///< says nothing we could obey
};
std::string_view to_string(kiss k);

/// The offset is the true Unix time less the boot clock, so that it needs no clock that somebody sets.
struct sample {
    instant at;                ///< when the answer came
    nanoseconds offset{0};     ///< the middle of what the exchange allows
    nanoseconds delay{0};      ///< round trip without the server's own time
    nanoseconds dispersion{0}; ///< reading errors of both clocks (RFC 5905, section 8), growing with age
    nanoseconds root_delay{0};
    nanoseconds root_dispersion{0};
    std::uint32_t reference_id = 0;
    std::uint8_t stratum = 0;
    timesync::leap leap = leap::none;

    /// Half of what the truth can be away from offset at the moment of the sample, if the server's own bound
    /// is honest: however asymmetric the path, half the delay covers it.
    nanoseconds distance() const { return (delay + root_delay) / 2 + dispersion + root_dispersion; }
};

using answer = std::variant<sample, kiss, refusal>;

/// One exchange.
struct exchange {
    ntp_timestamp transmit;     ///< the random bits of the query
    instant sent;               ///< read before sending
    instant received;           ///< read after receiving
    bool authenticated = false; ///< the answer was, by NTS
    nanoseconds doubt{0};       ///< what the time may be off by for something the answer cannot know yet
};

/// Checks an answer in full and makes a sample of it. nts: the server has to authenticate its answers (only
/// the NTS NAK cannot be). pivot: a guess at the time, good to 68 years.
answer check_answer(const ntp_header& header, const exchange& x, bool nts, unix_time pivot);

/// A reference identifier for people: a stratum 1 server's source ("GPS"), else the four bytes as an IPv4
/// address.
std::string reference_text(std::uint32_t id, std::uint8_t stratum);

} // namespace chronoknock::timesync

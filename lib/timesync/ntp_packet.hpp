#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <span>

/// The NTP packet header (RFC 5905, section 7.3).
namespace chronoknock::timesync {

inline constexpr std::size_t ntp_header_size = 48;
inline constexpr std::uint8_t ntp_version = 4;

/// Leap indicator (RFC 5905, figure 9).
enum class leap : std::uint8_t { none = 0, insert = 1, remove = 2, unsynchronised = 3 };

enum class ntp_mode : std::uint8_t {
    reserved = 0,
    symmetric_active = 1,
    symmetric_passive = 2,
    client = 3,
    server = 4,
    broadcast = 5,
    control = 6,
    private_use = 7,
};

/// 32 bits of seconds since 1900 modulo 2^32 and 32 bits of fraction. Zero means "unknown".
struct ntp_timestamp {
    std::uint64_t bits = 0;
    bool operator==(const ntp_timestamp&) const = default;
};

/// The moment nearest to pivot that the timestamp can mean: eras are 2^32 s long, so the result lies within
/// 68 years of pivot, and the rollover of 2036 is no event. pivot: before the year 2190.
unix_time to_unix(ntp_timestamp stamp, unix_time pivot);

/// The timestamp of a moment, its era dropped.
ntp_timestamp to_ntp(unix_time t);

struct ntp_header {
    timesync::leap leap = leap::none;
    std::uint8_t version = ntp_version;
    ntp_mode mode = ntp_mode::client;
    std::uint8_t stratum = 0;  ///< 0: kiss-o'-death, the code is reference_id
    std::int8_t poll = 0;      ///< log2 seconds
    std::int8_t precision = 0; ///< log2 seconds
    nanoseconds root_delay{0};
    nanoseconds root_dispersion{0};
    std::uint32_t reference_id = 0;
    ntp_timestamp reference;
    ntp_timestamp origin;
    ntp_timestamp receive;
    ntp_timestamp transmit;
    bool operator==(const ntp_header&) const = default;
};

/// Reads the header; what stands behind its 48 bytes (extension fields, a MAC) is left to others. The only
/// error is a datagram that is too short: what the fields say is judged by check_answer().
result<ntp_header> decode(std::span<const std::uint8_t> datagram);

std::array<std::uint8_t, ntp_header_size> encode(const ntp_header& header);

/// A client's request that tells nothing of the client: all zero but version, mode and the transmit
/// timestamp, which is 64 random bits that the answer has to repeat (draft-ietf-ntp-data-minimization, RFC
/// 5905 errata; the source port does the same by RFC 9109).
std::array<std::uint8_t, ntp_header_size> encode_query(ntp_timestamp transmit);

} // namespace chronoknock::timesync

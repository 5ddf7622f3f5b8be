#include "timesync/sample.hpp"

#include "base/text.hpp"
#include "timesync/settings.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::timesync {
namespace {

constexpr nanoseconds max_distance = seconds(16);                   // MAXDISP of RFC 5905
constexpr nanoseconds own_precision = std::chrono::microseconds(1); // of reading the boot clock

std::string ascii(std::uint32_t id) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (const auto c = static_cast<char>(id >> shift & 0xff); c != 0) text += c;
    return text;
}

kiss kiss_code(std::uint32_t id) {
    const auto code = ascii(id);
    if (code == "DENY") return kiss::deny;
    if (code == "RSTR") return kiss::restrict_;
    if (code == "RATE") return kiss::rate;
    if (code == "NTSN") return kiss::nts_nak;
    if (code == "INIT") return kiss::init;
    return kiss::other;
}

nanoseconds power_of_two(std::int8_t exponent) {
    return nanoseconds(static_cast<std::int64_t>(std::ceil(std::ldexp(1e9, exponent))));
}

} // namespace

std::string_view to_string(refusal r) {
    switch (r) {
    case refusal::wrong_origin:
        return "not an answer to the query";
    case refusal::not_authenticated:
        return "not authenticated";
    case refusal::wrong_mode:
        return "not in server mode";
    case refusal::wrong_version:
        return "not of NTP version 4";
    case refusal::unsynchronised:
        return "the server is not synchronised";
    case refusal::bad_stratum:
        return "stratum out of range";
    case refusal::bad_distance:
        return "too far from a reference clock";
    case refusal::bad_reference:
        return "reference time after the answer";
    case refusal::no_time:
        return "a timestamp is missing";
    case refusal::goes_backwards:
        return "sent before the query was received";
    case refusal::impossible_delay:
        return "held for longer than the round trip";
    }
    return "?";
}

std::string_view to_string(kiss k) {
    switch (k) {
    case kiss::deny:
        return "DENY";
    case kiss::restrict_:
        return "RSTR";
    case kiss::rate:
        return "RATE";
    case kiss::nts_nak:
        return "NTSN";
    case kiss::init:
        return "INIT";
    case kiss::other:
        return "unknown kiss code";
    }
    return "?";
}

answer check_answer(const ntp_header& h, const exchange& x, bool nts, unix_time pivot) {
    if (h.origin != x.transmit) return refusal::wrong_origin;
    if (h.mode != ntp_mode::server) return refusal::wrong_mode;
    if (h.version != ntp_version) return refusal::wrong_version;
    const bool kissed = h.stratum == 0;
    // A server that lost the keys cannot authenticate its saying so (RFC 8915, section 5.7).
    if (nts && !x.authenticated && !(kissed && kiss_code(h.reference_id) == kiss::nts_nak))
        return refusal::not_authenticated;
    if (kissed && (h.reference_id != 0 || h.leap != leap::unsynchronised)) return kiss_code(h.reference_id);
    if (h.leap == leap::unsynchronised || h.stratum == 16) return refusal::unsynchronised;
    if (h.stratum > 16) return refusal::bad_stratum;
    if (h.root_delay / 2 + h.root_dispersion >= max_distance || h.precision > 0) return refusal::bad_distance;
    if (h.receive.bits == 0 || h.transmit.bits == 0) return refusal::no_time;
    if (h.reference.bits != 0 && static_cast<std::int64_t>(h.transmit.bits - h.reference.bits) < 0)
        return refusal::bad_reference;
    const auto t2 = to_unix(h.receive, pivot);
    const auto t3 = to_unix(h.transmit, pivot);
    if (t3 < t2) return refusal::goes_backwards;

    // The query arrived after it was sent, and the answer came after it left: t2 - t1 is the most that the
    // offset can be, t3 - t4 the least.
    const auto most = t2.time_since_epoch() - x.sent.time_since_epoch();
    const auto least = t3.time_since_epoch() - x.received.time_since_epoch();
    const auto round_trip = x.received - x.sent;
    sample s;
    s.at = x.received;
    s.dispersion =
        own_precision + power_of_two(h.precision) +
        nanoseconds(static_cast<std::int64_t>(tolerance::unknown * static_cast<double>(round_trip.count())));
    s.delay = most - least;
    if (round_trip < nanoseconds(0) || s.delay < -2 * s.dispersion) return refusal::impossible_delay;
    s.delay = std::max(s.delay, nanoseconds(0));
    s.offset = least + (most - least) / 2;
    s.dispersion += x.doubt;
    s.root_delay = h.root_delay;
    s.root_dispersion = h.root_dispersion;
    s.reference_id = h.reference_id;
    s.stratum = h.stratum;
    s.leap = h.leap;
    return s;
}

std::string reference_text(std::uint32_t id, std::uint8_t stratum) {
    if (stratum <= 1) return printable(ascii(id));
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
        text += (text.empty() ? "" : ".") + std::to_string(id >> shift & 0xff);
    return text;
}

} // namespace chronoknock::timesync

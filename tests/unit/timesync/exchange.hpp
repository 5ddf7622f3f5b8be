#pragma once

#include "timesync/ntp_packet.hpp"
#include "timesync/settings.hpp"

/// What an honest server says, for the tests of the machines.
namespace exchanges {

using namespace chronoknock;
using namespace std::chrono_literals;

constexpr unix_time boot_moment =
    std::chrono::sys_days(std::chrono::year(2026) / 5 / 1); ///< of instant 0, in truth

/// Of the so manieth machine.
inline timesync::endpoint machine_at(std::size_t n, bool local = false) {
    std::array<std::uint8_t, 4> bytes{192, 0, 2, static_cast<std::uint8_t>(n)};
    if (local) bytes[0] = 10;
    return {address::v4(bytes), 123};
}

/// The answer to a query sent at a moment that reaches the server after half of the round trip. lie: is
/// added.
inline timesync::ntp_header honest(timesync::ntp_timestamp transmit, instant sent,
                                   nanoseconds round_trip = 20ms, nanoseconds lie = 0s) {
    timesync::ntp_header h;
    h.mode = timesync::ntp_mode::server;
    h.stratum = 2;
    h.precision = -20;
    h.root_delay = 2ms;
    h.root_dispersion = 1ms;
    h.origin = transmit;
    h.receive = h.transmit = timesync::to_ntp(boot_moment + sent.time_since_epoch() + round_trip / 2 + lie);
    return h;
}

inline timesync::ntp_header kissing(timesync::ntp_timestamp transmit, const char* code) {
    auto h = honest(transmit, {});
    h.stratum = 0;
    for (int i = 0; i < 4; ++i) h.reference_id = h.reference_id << 8 | static_cast<unsigned char>(code[i]);
    return h;
}

} // namespace exchanges

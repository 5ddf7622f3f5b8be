#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::timesync {

/// One server of the configuration. However many addresses its name has, it has one voice: else whoever
/// answers for a name could outvote the others.
struct server_settings {
    std::string name; ///< as configured, for people
    bool nts = false; ///< only authenticated answers count
    /// A member of a pool: it is asked at one address, and members with the same number at different ones.
    std::optional<std::size_t> pool{};
};

/// Members of a pool, at the most.
inline constexpr std::size_t pool_size = 4;

struct settings {
    std::vector<server_settings> servers;
    nanoseconds interval = seconds(64); ///< between queries to one server, at the least
    /// The same for servers at addresses of the own network, if it is shorter: so near, the bound is mostly
    /// what the oscillator may have run since the last answer.
    nanoseconds local_interval = seconds(64);
    nanoseconds burst_gap = seconds(2); ///< between the queries of a burst: what servers put up with
    nanoseconds max_error = seconds(5); ///< with a larger bound the clock counts as not synchronised
    nanoseconds max_step = seconds(1);  ///< after the first fix, what answers may move the clock by unasked
    bool require_nts = false;           ///< only servers with NTS have a voice
};

/// 64 fresh random bits at each call, unpredictable for others.
using random_source = std::function<std::uint64_t()>;

/// Where a server's NTP is.
struct endpoint {
    address ip;
    std::uint16_t port = 123;
    auto operator<=>(const endpoint&) const = default;
};

/// The oscillator: how far the boot clock's rate may be off.
namespace tolerance {
/// Before the frequency is known: what the kernel lets anyone slew at most (MAXFREQ of RFC 5905), and several
/// times what a crystal is off by.
inline constexpr double unknown = 500e-6;
/// After it is known, besides the bound of what is known and besides wander: what the estimate is behind
/// by while a load heats the machine, 1 ppm a minute for 5 minutes, or a step by 2 ppm. In the simulation of
/// LANs 2.5, 3, 4 and 4.5 ppm are too little for that. More than that, as a live migration may bring, is not
/// covered. A leap second smeared over a day (11.6e-6) is more: who smears is false.
inline constexpr double known = 5e-6;
/// How fast it may change, per second: 10 ppm in an hour, a machine warming up.
inline constexpr double wander = 10e-6 / 3600;
} // namespace tolerance

} // namespace chronoknock::timesync

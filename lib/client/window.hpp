#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "key/credential.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace chronoknock::client {

/// The window to knock for, and how long to wait before.
struct turn {
    std::int64_t t0 = 0; ///< seconds since the epoch
    nanoseconds wait{0};

    bool operator==(const turn&) const = default;
};

/// Which window to knock for at a moment that the clock knows as `now`, when the last knock of this key for
/// this service from this address was for the window `last`.
///
/// The server takes t0 from its beginning until 2g later (chronoknock-protocol(7), WINDOWS). So the client
/// knocks for the window that has begun for certain, even if its clock is ahead by all of its error; half a
/// window is the most that it gives away to that, for it is then as far from the one end as from the other.
///
/// A window that was used is burnt: the turn comes with the next. `last` in a future that no clock of the
/// client should have seen is forgotten: waiting for it could take for ever. A key to which the time is
/// nothing (granularity 0) knocks at once.
turn choose_window(std::uint32_t granularity, const time_estimate& now, std::optional<std::int64_t> last);

/// How long to try a door from the first knock on: until the next window's knock has had its time too, since
/// a server that has just been started for the first time takes no window that began before
/// (chronoknock-protocol(7), WINDOWS); 10 s at least, two minutes at most. granularity: seconds.
nanoseconds usual_wait(std::uint32_t granularity);

/// Whether a knock of a key can ask for one service (empty: for all): the name is fit, and the key's knocks
/// name one (credential::names_service, asks_for_ports).
result<void> check_service(std::string_view service, const key::credential& k);

} // namespace chronoknock::client

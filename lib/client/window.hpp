#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "key/psk.hpp"

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
/// The server takes t0 from its beginning until 2g later (contract, section 4). So the client knocks for the
/// window that has begun for certain, even if its clock is ahead by all of its error; half a window is the
/// most that it gives away to that, for it is then as far from the one end as from the other.
///
/// A window that was used is burnt: the turn comes with the next. `last` in a future that no clock of the
/// client should have seen is forgotten: waiting for it could take for ever. A key that ignores the time
/// burns nothing.
turn choose_window(const key::psk& k, const time_estimate& now, std::optional<std::int64_t> last);

/// Whether a knock by this key can ask for one service (empty: for all): the name is fit, and the key's
/// function takes it. A plain digest does not: its knock opens all that the key may open.
result<void> check_service(const key::psk& k, std::string_view service);

} // namespace chronoknock::client

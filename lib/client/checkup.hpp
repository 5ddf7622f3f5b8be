#pragma once

#include "client/diagnosis.hpp"
#include "client/window.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What `doctor` finds, link by link, on the way from a name to an open door (chronoknock-doctor(1)).
namespace chronoknock::client {

enum class health : std::uint8_t { ok, wrong, unknown };

std::string_view to_string(health h);

/// One link.
struct check {
    std::string_view name; ///< one word
    health state = health::ok;
    std::string text;
    std::string advice = {}; ///< what to do where it is wrong

    bool operator==(const check&) const = default;
};

/// The name of the target, and its addresses of the wanted families.
check check_name(const std::string& host, const result<std::vector<address>>& found);

/// The way to one of the addresses; source: as the routes have it.
check check_route(const address& target, const result<address>& source);

/// The address that a knock by one way is made for.
struct address_facts {
    address target;
    address source;                           ///< as the routes have it
    bool heeds_address = true;                ///< the key's knocks are made for an address
    std::optional<address> given = {};        ///< by the user
    std::optional<result<address>> stun = {}; ///< if STUN servers were asked
    bool stun_alone = false;                  ///< only one was
};
check check_address(const address_facts& f);

/// What time servers said.
struct clock_fix {
    nanoseconds offset; ///< their time less the system clock's
    nanoseconds error;  ///< its bound
};

/// The clock that a knock goes by. asked: what the time servers said; none: the system clock is gone by,
/// which the kernel vouches for or not.
check check_clock(time_source from, const std::optional<result<clock_fix>>& asked, std::uint32_t granularity);

/// The key file. kind: "time-sequence key 0123...".
check check_key(const result<std::string>& kind);

/// Whether the window of now can be knocked for. turn: none: the key has no windows.
check check_window(const std::optional<turn>& t, std::uint32_t granularity);

/// The door before the knock.
check check_door(std::uint16_t port, port_state before);

/// What came back for the knock's packets.
check check_knock(const knock_facts& f);

/// Whether the door opened, and if not, why. after: how long after the last packet.
check check_opening(const knock_facts& f, std::optional<nanoseconds> after);

} // namespace chronoknock::client

#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Why a door did not open, as far as a client can know.
namespace chronoknock::client {

/// What tries to connect to a port met.
enum class port_state : std::uint8_t {
    untried,
    open,
    refused, ///< a reset: the host is there, and nothing listens, or it says so
    silent
};

/// What a knock's time is taken from.
enum class time_source : std::uint8_t {
    none,      ///< the key's knocks do not depend on the time
    servers,   ///< time servers that answered
    vouched,   ///< the system clock, which the kernel knows the error of
    unvouched, ///< the system clock, of which nobody knows how far it is off
};

/// What a client knows of a knock by one way to the server.
struct knock_facts {
    std::string host; ///< as the user names it
    address source;   ///< what the knock was made for
    address target;
    bool heeds_address = true; ///< the key's knocks are made for an address
    bool source_told = false;  ///< by the user, or by STUN servers: not as the routes have it

    time_source clock = time_source::servers;
    nanoseconds clock_error{0};
    std::uint32_t granularity = 0; ///< seconds; 0: the time is nothing to the key
    /// No window was knocked for that began after the knocking did. A server takes none that began before its
    /// first start (chronoknock-protocol(7), WINDOWS).
    bool one_window = true;

    std::string service;         ///< empty: all that the key may open
    bool key_opened = false;     ///< the key has opened something on this host before, for this user
    bool service_opened = false; ///< and this very service

    std::uint32_t sent = 0;     ///< packets of the knock
    std::uint32_t answered = 0; ///< those that something came back for
    bool hears_answers = true;  ///< false: answers to the packets are not looked at, or are another host's
    std::string obstacle; ///< what routers said of packets and tries ("No route to host"); empty: nothing
    bool asks = false;    ///< the method has the server answer
    bool was_asked_back = false; ///< and it did

    std::uint16_t port = 0; ///< TCP port of the door; 0: none was tried
    port_state before = port_state::untried;
    port_state after = port_state::untried;
};

/// The likeliest reason.
enum class cause : std::uint8_t {
    none,        ///< it opened
    open_before, ///< nothing was to be opened
    no_way,      ///< routers say that there is no way to the host
    nothing_listens,
    translated,    ///< a router replaces the source address
    clock_far_off, ///< the error of the clock is known, and too large
    dead,          ///< nothing came back from the host
    refuses,       ///< the port answers as closed, before and after
    clock_unknown, ///< the system clock was gone by
    first_start,   ///< too early after the server's first start
    server_state,  ///< what worked before does not: no time, not running, the key gone
    service,       ///< the service is unknown, or not the key's
    no_answer,     ///< the server did not answer a request
    key            ///< the server does not know the key
};

/// One word for programs: "wrong-key".
std::string_view to_string(cause c);

/// The likeliest reason for what was seen, and what to do about it, a sentence each without an end.
struct finding {
    cause why = cause::none;
    std::string reason;
    std::string advice;

    bool operator==(const finding&) const = default;
};

/// The first row of the table of reasons that fits the facts; the last one fits any.
finding diagnose(const knock_facts& f);

} // namespace chronoknock::client

#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "client/plan.hpp"
#include "client/volley.hpp"
#include "io/client/socket_address.hpp"
#include "io/system/descriptor.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// The shell of a knock. Needs no privilege: a SYN is a nonblocking connect(), a ping goes by a socket that
/// the kernel lets some groups have (icmp(7), ping_group_range).
namespace chronoknock::io {

/// The addresses of a host, by name or number, in the order to try them (RFC 6724, as getaddrinfo(3) has it).
result<std::vector<destination>> resolve(const std::string& host);

/// The address that packets to `to` leave from, as the routes have it.
result<address> source_towards(const destination& to);

/// True if this machine has the address and packets can be sent from it.
bool is_local(const address& a);

struct knock_order {
    destination to;
    std::optional<destination> via =
        {};                          ///< where the shots go instead: a resolver. Not sent from `bind` then
    std::optional<address> bind;     ///< send from this local address
    std::vector<client::shot> shots; ///< a round
    client::pace pace;
    std::uint16_t wait_port = 0; ///< TCP port whose opening is waited for; 0: none
    nanoseconds wait_limit = seconds(10);
    int socket = -1; ///< all datagrams go by this one; -1: each by its own
    int end = -1;    ///< once it is readable no more is needed: ends after the round that is being sent
};

struct knock_report {
    std::uint32_t syns = 0;
    std::uint32_t rounds = 0;
    /// From the last SYN before the door was found open until a connection stood.
    std::optional<nanoseconds> opened_after = {};
    /// That connection; of no socket where the door was not found open.
    descriptor connection = descriptor();
    std::vector<descriptor> tries = {}; ///< connections to the door that nothing has come back for yet
    std::uint32_t answered = 0;         ///< packets of the knock that something came back for from the host
    bool refused = false;               ///< the door answered the last try as a closed port does
    bool unanswered = false;            ///< the server did not answer the request of a dialogue
    std::string obstacle = {};          ///< what routers said instead ("No route to host"); empty: nothing
};

/// Knocks, and with a wait_port tries to connect to it, between rounds and after the last, until it opens or
/// wait_limit after the last SYN. An error when this machine cannot send; it names no port. sent: packets of
/// the knock that the kernel took, also when it fails. tries: connections to the door that were begun before
/// and may still stand.
result<knock_report> send_knock(const knock_order& order, std::uint32_t* sent = nullptr,
                                std::vector<descriptor> tries = {});

} // namespace chronoknock::io

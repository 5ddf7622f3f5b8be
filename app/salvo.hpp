#pragma once

#include "app/turns.hpp"
#include "io/client/knocker.hpp"

#include <optional>
#include <string>
#include <vector>

namespace chronoknock::app {

/// A knock that was sent, by one way.
struct sent_knock {
    way by;
    io::knock_report report;
    bool syns_alone;            ///< no datagrams and no pings are among its packets
    nanoseconds clock_error{0}; ///< of the clock that its moment was taken by
    bool door_refused = false;  ///< the door answered as a closed port does, before
    unsigned moments = 1;       ///< for so many windows or times it was sent, one after the other
};

/// Sends a knock by each way that has a turn, all at the same time, until each is done or, with a port, until
/// one finds that open, or for `limit` after the last packet. tries: connections to the port that were begun
/// before. Where a knock cannot be made or sent by any way, what was taken is given back, and a message has
/// been said where it throws stop; by some, the others are given.
std::vector<sent_knock> send_knocks(const order& o, const std::vector<way>& ways, const turns& t,
                                    turn_taker& taker, std::uint16_t port = 0,
                                    nanoseconds limit = nanoseconds(0),
                                    std::vector<io::descriptor> tries = {});

/// "knocked on A from B: 32 SYNs in 2 rounds", without a line break.
std::string in_words(const order& o, const sent_knock& k);

} // namespace chronoknock::app

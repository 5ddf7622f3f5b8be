#pragma once

#include "app/salvo.hpp"

namespace chronoknock::app {

/// How a door was entered, or not.
struct entry {
    io::descriptor connection;      ///< that stands, as it was begun; none: the door stayed shut
    std::vector<sent_knock> knocks; ///< none: none was needed
};

/// Connects to a TCP port of the target: tries every address first, and asks the time meanwhile; knocks by
/// each family if the door is shut, and tries on. Where the windows of now have been used it tries on until
/// the next begins, since whoever used them may be about to open it, and knocks then; and again for each
/// window that begins within the time to wait. A message has been said
/// where it throws stop.
entry enter(const order& o, std::uint16_t port);

/// Knocks, whether a door is open or not, and then tries the port, if it is not 0. Gives what was sent. A
/// message has been said where it throws stop.
std::vector<sent_knock> knock_anyway(const order& o, std::uint16_t port);

/// After knocks without a door to try: says if nothing at all was answered. Throws stop, with a message,
/// where routers say that there is no way.
void tell_of_silence(const order& o, const std::vector<sent_knock>& knocks);

/// Remembers how long the way of a connection is, for the next time (client::silence_of_shut_door).
void remember_round_trip(const io::descriptor& connection);

} // namespace chronoknock::app

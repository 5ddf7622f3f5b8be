#pragma once

#include "app/order.hpp"

#include <vector>

namespace chronoknock::app {

/// The server's address and ours, of one family.
struct way {
    io::destination to;
    address source;              ///< as the server sees it
    std::optional<address> bind; ///< the own address to send from, where it is known
    bool told = false;           ///< source is the user's or a STUN server's word
    /// The knock names it, of the other family, and opens for it and for its source.
    std::optional<address> pair = {};
};

/// The target's addresses of the wanted families, in the order to try them; perhaps none.
result<std::vector<io::destination>> find_addresses(const order& o);
/// A way to each of them that there is a route to; at least one.
result<std::vector<way>> find_ways(const order& o, const std::vector<io::destination>& addresses);
/// Both. A message has been said where it throws stop.
std::vector<way> find_ways(const order& o);

/// Of these the first of each family: those that a knock is sent by. Through a resolver the first alone; for
/// a pair the one that the other family's address is named by. A message has been said where it throws stop.
std::vector<way> knock_ways(const order& o, const std::vector<way>& all);

/// Says which ways a router stands in that replaces the source, so that a knock of this key would not be
/// made for the address that the server sees.
void warn_of_translation(const order& o, const std::vector<way>& ways);

} // namespace chronoknock::app

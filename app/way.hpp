#pragma once

#include "app/order.hpp"

#include <vector>

namespace chronoknock::app {

/// The server's address and ours, of one family.
struct way {
    io::destination to;
    address source;              ///< as the server sees it
    std::optional<address> bind; ///< source, where this machine has it
};

/// A way to each address of the target of the wanted families, in the order to try them; at least one.
std::vector<way> find_ways(const order& o);

/// Of these the first of each family: those that a knock is sent by. Through a resolver the first alone.
std::vector<way> knock_ways(const order& o, const std::vector<way>& all);

/// Says which ways a router stands in that replaces the source, so that a knock of this key would not be
/// made for the address that the server sees.
void warn_of_translation(const order& o, const std::vector<way>& ways);

} // namespace chronoknock::app

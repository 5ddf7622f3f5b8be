#pragma once

#include "base/address.hpp"
#include "base/error.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace chronoknock::client {

/// A way that a knock can be sent by: the server's address, and ours as far as we know it.
struct side {
    address target;
    address source;
};

/// A knock that opens for an address of each family: the way that it is sent by, of which the server sees the
/// address for itself, and the address that it names (chronoknock.ini(5), pair).
struct pairing {
    std::size_t by; ///< index of the way
    address named;
};

/// Chooses. named: the user's word; none: the address of one of the ways, IPv6 first, if no router replaces
/// it. only_v4: the method's knocks have no room for an IPv6 address.
result<pairing> choose_pairing(std::span<const side> ways, const std::optional<address>& named, bool only_v4);

} // namespace chronoknock::client

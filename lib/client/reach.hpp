#pragma once

#include "base/address.hpp"

namespace chronoknock::client {

/// True if packets from `source` will reach `target` with another source address than theirs: one is of a
/// network that the Internet does not carry, the other is not. A knock is made for the address that the
/// server sees.
bool is_translated(const address& source, const address& target);

} // namespace chronoknock::client

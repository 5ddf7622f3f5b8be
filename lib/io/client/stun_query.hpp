#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "config/stun_server.hpp"

#include <vector>

namespace chronoknock::io {

/// Asks STUN servers (RFC 8489) which address packets come from that leave by `source`, an address of this
/// machine or only one of the wanted family: all at once, from sockets of that family, again while no answer
/// comes, and blocks until each has answered or `patience` is over. The address that all agree on, or why
/// there is none.
result<address> ask_stun(const std::vector<config::stun_server>& servers, const address& source,
                         nanoseconds patience = seconds(5));

} // namespace chronoknock::io

#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "client/stun.hpp"
#include "config/stun_server.hpp"

#include <stop_token>
#include <vector>

namespace chronoknock::io {

struct stun_options {
    nanoseconds patience = seconds(5);
    std::stop_token stop = {}; ///< ends it from another thread
};

/// Asks STUN servers (RFC 8489) which address packets come from that leave by `source`, an address of this
/// machine or only one of the wanted family: all at once, from sockets of that family, again while no answer
/// comes, and blocks until each has answered or the patience is over. The address that all agree on, or why
/// there is none.
result<client::stun_agreement> ask_stun(const std::vector<config::stun_server>& servers,
                                        const address& source, const stun_options& options = {});

} // namespace chronoknock::io

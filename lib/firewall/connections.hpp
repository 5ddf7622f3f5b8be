#pragma once

#include "base/address.hpp"

#include <string_view>
#include <vector>

namespace chronoknock::firewall {

/// An open TCP connection as this host sees it.
struct connection {
    address peer;
    std::uint16_t peer_port = 0;
    std::uint16_t port = 0; ///< ours
    bool operator==(const connection&) const = default;
};

/// The open connections (established, or half closed) in the text of /proc/net/tcp or tcp6. Lines of another
/// form are passed over. (proc(5); addresses there are words in the byte order of this machine.)
std::vector<connection> parse_proc_net_tcp(std::string_view text);

} // namespace chronoknock::firewall

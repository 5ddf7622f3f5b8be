#pragma once

#include "base/address.hpp"
#include "base/service.hpp"

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

namespace chronoknock::firewall {

/// What the guard lets go on without a grant: a TCP connection that was admitted, or a UDP peer, known by the
/// address and port it comes from and the guarded port it goes to.
struct flow {
    transport protocol = transport::tcp;
    address peer;
    std::uint16_t peer_port = 0;
    std::uint16_t port = 0; ///< ours, as the peer sees it
    auto operator<=>(const flow&) const = default;
};

/// The open TCP connections (established, or half closed) in the text of /proc/net/tcp or tcp6. Lines of
/// another form are passed over. (proc(5); addresses there are words in the byte order of this machine.)
std::vector<flow> parse_proc_net_tcp(std::string_view text);

/// The ports at which a socket listens, in the text of /proc/net/tcp or tcp6. Lines of another form are
/// passed over. (proc(5))
std::set<std::uint16_t> parse_listening_ports(std::string_view text);

} // namespace chronoknock::firewall

#pragma once

#include "firewall/flow.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

/// The connections of this network namespace, as its kernel knows them.
namespace chronoknock::io {

/// Open TCP connections of this host's sockets; none where /proc does not tell.
std::vector<firewall::flow> open_connections();

/// TCP ports that a socket of this host listens at, whatever its address.
std::set<std::uint16_t> listening_ports();

/// What conntrack has seen answered: UDP, and TCP that is forwarded to a container. None where it tracks
/// nothing.
std::vector<firewall::flow> tracked_flows();

/// TCP connections whose handshake conntrack has seen through, or taken up later, and no end of.
std::vector<firewall::flow> established_flows();

/// Ends TCP connections of this host's sockets: both ends see a reset. Those that are gone are passed over;
/// a kernel without INET_DIAG_DESTROY does nothing.
void destroy(std::span<const firewall::flow> connections);

/// The same for those of this host's sockets that are meant; gives how many they were.
std::size_t cut_sockets(const std::function<bool(const firewall::flow&)>& meant);

/// Whether iptables-legacy, of which nf_tables knows nothing, translates addresses here; none: only root may
/// know (and without its module there is nothing to know).
std::optional<bool> legacy_translates();
/// What is taken for it where only root may know: a guard with rules too many holds, one with too few does
/// not.
inline constexpr bool may_translate = true;

} // namespace chronoknock::io

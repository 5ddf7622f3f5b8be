#pragma once

#include "io/firewall/address_sets.hpp"
#include "io/firewall/backend.hpp"

namespace chronoknock::io {

/// The backends `nft-set` and `ipset`, for hosts whose own rules shut the ports: grants are addresses, put
/// for their time into sets that those rules refer to, and end in the kernel. There is no table of ours. What
/// others have put there is left alone: who is in a set already, for longer, needs no grant. A set that was
/// made anew (nf_tables), or emptied (ipset, which tells no more), gets the open grants again.
///
/// To end connections is to end those of this host's sockets.
result<void> check_nft_set(const firewall::rules& r);
result<std::unique_ptr<firewall_backend>> open_nft_set(boost::asio::io_context& context);

result<void> check_ipset(const firewall::rules& r);
result<std::unique_ptr<firewall_backend>> open_ipset(boost::asio::io_context& context);

/// The sets of a service, as its rules name them: for IPv4, for IPv6, or both.
std::vector<set_place> places_of(const service& s, const firewall::rules& r);
/// "the set allowed4 of table inet filter"
std::string name_of(const set_place& p);

} // namespace chronoknock::io

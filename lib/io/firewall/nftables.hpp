#pragma once

#include "io/firewall/backend.hpp"
#include "io/firewall/nft_kernel.hpp"

namespace chronoknock::io {

/// The backend `nftables`: one table of its own, set up by nft in some 10 ms, and grants that go into its
/// sets straight over netlink and end in the kernel. A table that somebody removes or changes is set up
/// again, with the grants still open, except those that are good for so many connections only
/// (firewall::guardian). While nft runs, the loop waits.
///
/// Of many thousands of grants list() gives those that we know, since reading them all would hold up the loop
/// for a second.
result<void> check_nftables(const firewall::rules& r);

/// Needs CAP_NET_ADMIN; the error says so.
result<std::unique_ptr<firewall_backend>> open_nftables(boost::asio::io_context& context,
                                                        const firewall_programs& programs = {});

/// The same on what stands for the kernel.
result<std::unique_ptr<firewall_backend>> open_nftables(boost::asio::io_context& context,
                                                        std::unique_ptr<nft_kernel> kernel,
                                                        const firewall_programs& programs = {});

} // namespace chronoknock::io

#pragma once

#include "io/firewall/address_sets.hpp"

#include <memory>

namespace chronoknock::io {

/// Sets in tables of nf_tables that are not ours, straight over netlink. What we put there has the comment
/// "chronoknock", which `nft list` shows, so that it is told from what others have put there.
netlink_result<std::unique_ptr<address_sets>> open_nft_sets();

} // namespace chronoknock::io

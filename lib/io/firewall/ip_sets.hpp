#pragma once

#include "io/firewall/address_sets.hpp"

#include <memory>

namespace chronoknock::io {

/// Sets of ipset(8), straight over netlink. Times are whole seconds there, and rounded up. Whose an address
/// is ipset does not tell: one that stays for ever is not ours.
netlink_result<std::unique_ptr<address_sets>> open_ip_sets();

} // namespace chronoknock::io

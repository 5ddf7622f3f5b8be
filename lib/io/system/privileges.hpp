#pragma once

#include "base/error.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// Gives away, for good, what a server does not need: all capabilities but CAP_NET_ADMIN (the firewall) and
/// CAP_NET_RAW (the capture), for itself and for the nft that it runs; the gaining of privileges by exec;
/// core dumps and being read by other processes of the same user. Without CAP_DAC_OVERRIDE even root reads
/// only what its mode says: called before the configuration is read, so that a start meets the files as each
/// reload will.
result<void> keep_only_network_privileges();

/// Gives away, for good, what the start of a server does not need either: it keeps the two, and what it takes
/// to become another user and to hand files over to him. No core dumps, no gaining of privileges by exec.
/// Before the configuration is read, so that a start meets the files as each reload will.
result<void> keep_privileges_for_start();

/// CAP_NET_ADMIN, with CAP_NET_RAW or without.
enum class network_rights { all, admin };
/// Gives away all other capabilities, for good, and what any program run by exec could have: for a process
/// that runs none. It is no more to be read by other processes of the same user.
result<void> keep_privileges(network_rights kept);
/// The names of those that are in effect: "net_admin".
std::vector<std::string> capabilities();

/// Gives away all that the calling thread has.
result<void> drop_all_capabilities();

/// CAP_NET_ADMIN is to be had.
bool may_set_up_firewall();

} // namespace chronoknock::io

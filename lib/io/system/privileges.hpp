#pragma once

#include "base/error.hpp"

namespace chronoknock::io {

/// Gives away, for good, what a server does not need: all capabilities but CAP_NET_ADMIN (the firewall) and
/// CAP_NET_RAW (the capture), for itself and for the nft that it runs; the gaining of privileges by exec;
/// core dumps and being read by other processes of the same user. Without CAP_DAC_OVERRIDE even root reads
/// only what its mode says: called before the configuration is read, so that a start meets the files as each
/// reload will.
result<void> keep_only_network_privileges();

/// Gives away all that the calling thread has.
result<void> drop_all_capabilities();

/// CAP_NET_ADMIN is to be had.
bool may_set_up_firewall();

} // namespace chronoknock::io

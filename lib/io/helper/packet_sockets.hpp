#pragma once

namespace chronoknock::io {

/// Answers one call of socket(2) that the server's seccomp filter reports (seccomp_unotify(2)): if it is for
/// a packet socket it gets one that we have opened, and so need not have CAP_NET_RAW itself. The arguments of
/// the call are numbers that the kernel has copied: nothing can change them meanwhile. All else is refused.
void open_packet_socket(int listener);

} // namespace chronoknock::io

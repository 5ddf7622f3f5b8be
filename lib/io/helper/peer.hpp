#pragma once

#include "base/error.hpp"
#include "io/system/account.hpp"
#include "io/system/descriptor.hpp"

#include <string>
#include <sys/types.h>

/// A server and a helper that neither has started: systemd has (etc/chronoknock-helper.socket), and each
/// looks who the other is before it does anything for him.
namespace chronoknock::io {

/// The server's side: a channel to whoever serves there. The error names the path.
result<descriptor> connect_to_helper(const std::string& path);
/// Waits for the helper to greet; gives its process. An error: it is not root's (whom the kernel names,
/// SCM_CREDENTIALS), or it has let us go.
result<pid_t> await_greeting(int channel);

/// The helper's side: the server at the other end of a channel, by a handle at which its end can be read
/// (pidfd_open(2)). An error: whoever connected is not that user, or no process of the unit
/// chronoknock.service, in the slice that ours is in: the user's other processes get nothing; or it is in
/// another network namespace, whose firewall we do not set up.
result<descriptor> admit_server(int channel, const account& user);
/// Tells it that it is admitted. False: it is gone.
bool greet(int channel);

} // namespace chronoknock::io

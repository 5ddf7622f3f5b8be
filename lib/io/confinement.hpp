#pragma once

#include "base/error.hpp"
#include "config/server.hpp"
#include "io/helper/helper_process.hpp"
#include "io/system/landlock.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace chronoknock::io {

/// What keeps the server from doing more than it needs, as far as it is in force.
struct confinement {
    std::string user; ///< who it is
    std::vector<std::string> capabilities;
    int landlock = 0; ///< the kernel's version of it; 0: not in force
    bool seccomp = false;
    bool opens_packet_sockets = true; ///< by itself, and not by the helper
    bool opens_path_sockets = true;   ///< a server that stays root does not
    pid_t helper = 0;
    open_paths reach; ///< of Landlock
};

/// The name of the user that we are, or the number.
std::string own_name();

/// The user that a server becomes: [server] user, or `chronoknock` where there is one, or none.
std::string user_to_become(const config::server& c);

/// Whether whoever has started us can become it, and make what is his fit for him: else the error of the
/// start. A user who is not named is done without then, which the log says as `stays_who_it_is`. Nothing is
/// changed.
result<void> can_become_user(const config::server& c);
inline constexpr const char* stays_who_it_is = ": the server stays who it is";

/// Refused, with the one line of a configuration `file` that is wrong: a record in the folder of the
/// configuration, of what it includes or of its keys. The server's user makes files where the record is.
/// user: who the server is from its start, where the configuration is root's all the same (by systemd);
/// empty: whom it becomes.
result<void> keeps_record_apart(const config::server& c, const std::string& file,
                                const std::string& user = {});

/// Gives up, for good, all that the helper does for the server: becomes its user, keeps CAP_NET_ADMIN, and
/// CAP_NET_RAW where the helper cannot open packet sockets for it (one that is apart has never had a server
/// that was more); reaches the files of the configuration
/// only (Landlock), and makes no other system calls than it needs (seccomp). What this kernel, or whoever
/// started us, does not let us do costs a line in the log; an error is what no waiting will mend. Before
/// there is a second thread. has_control: the control socket is open, so that a server that stays root needs
/// no other, unless metrics do.
result<confinement> confine(const config::server& c, const helper_process& helper, bool has_control);

/// Whether a server that is confined so can make a file of that path.
bool can_make(const confinement& now, const std::string& path);

/// Whether a server that is confined so can go over to another configuration: it reaches the files of that.
result<void> stays_within(const confinement& now, const config::server& next);

} // namespace chronoknock::io

#pragma once

#include "app/command_table.hpp"

/// What the tables of commands are made of. One that a table leaves out is not linked.
namespace chronoknock::app::rows {

inline constexpr command server{"server", run_server, "run the daemon"};
inline constexpr command keygen{"keygen", run_keygen, "make a key file"};
inline constexpr command check{"check", run_check, "read a server's configuration and say what it means"};
inline constexpr command knock{"knock", run_knock, "knock on a server's door"};
inline constexpr command connect{"connect", run_connect,
                                 "knock if need be, and be the connection: for ssh's ProxyCommand"};
inline constexpr command doctor{"doctor", run_doctor, "see why a door does not open"};
inline constexpr command time{"time", run_time, "ask time servers, and print what they say"};
inline constexpr command guard{"guard", run_guard,
                               "set the guard up, without a daemon: the last good one if need be"};
inline constexpr command helper{"helper", run_helper,
                                "do what needs rights for a server that has none: for systemd"};
inline constexpr command status{"status", run_status, "ask the running daemon what it sees and does"};
inline constexpr command watch{"watch", run_watch, "the same, live; to a pipe a line for each event"};
inline constexpr command grants{"grants", run_grants,
                                "list who may reach what, by whose key, for how long yet"};
inline constexpr command fleet{"fleet", run_fleet, "list the hosts of the fleet"};
inline constexpr command revoke{"revoke", run_revoke,
                                "end the grants, and connections, of a key or an address"};
inline constexpr command history{"history", run_history, "list what was granted, refused, revoked"};
inline constexpr command report{"report", run_report,
                                "write a page with pictures of what the daemon has seen"};
inline constexpr command reload{"reload", run_reload, "have the daemon read its configuration again"};
inline constexpr command confirm{"confirm", run_confirm, "keep the guard of a server --trial"};
inline constexpr command invite{"invite", run_invite,
                                "make a key for somebody, and a line that hands it over"};
inline constexpr command uninvite{"uninvite", run_uninvite, "take somebody's key out of the configuration"};
inline constexpr command profile{"profile", run_profile, "keep the client's profiles"};
inline constexpr command import{"import", run_import,
                                "make keys and services of knockd.conf or fwknop's access.conf"};
inline constexpr command sequence{"sequence", run_sequence, "print what a knock is made of"};
inline constexpr command completions{"completions", run_completions,
                                     "print what a shell completes command lines by"};

} // namespace chronoknock::app::rows

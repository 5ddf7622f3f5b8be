#include "app/command_table.hpp"

#include <array>

namespace chronoknock::app {

namespace {

constexpr std::array commands = {
    command{"server", run_server, "run the daemon"},
    command{"keygen", run_keygen, "make a key file"},
    command{"check", run_check, "read a server's configuration and say what it means"},
    command{"knock", run_knock, "knock on a server's door"},
    command{"connect", run_connect, "knock if need be, and be the connection: for ssh's ProxyCommand"},
    command{"doctor", run_doctor, "see why a door does not open"},
    command{"time", run_time, "ask time servers, and print what they say"},
    command{"guard", run_guard, "set the guard up, without a daemon: the last good one if need be"},
    command{"status", run_status, "ask the running daemon what it sees and does"},
    command{"watch", run_watch, "the same, live; to a pipe a line for each event"},
    command{"grants", run_grants, "list who may reach what, by whose key, for how long yet"},
    command{"fleet", run_fleet, "list the hosts of the fleet"},
    command{"revoke", run_revoke, "end the grants, and connections, of a key or an address"},
    command{"history", run_history, "list what was granted, refused, revoked"},
    command{"report", run_report, "write a page with pictures of what the daemon has seen"},
    command{"reload", run_reload, "have the daemon read its configuration again"},
    command{"confirm", run_confirm, "keep the guard of a server --trial"},
    command{"invite", run_invite, "make a key for somebody, and a line that hands it over"},
    command{"uninvite", run_uninvite, "take somebody's key out of the configuration"},
    command{"profile", run_profile, "keep the client's profiles"},
    command{"import", run_import, "make keys and services of knockd.conf or fwknop's access.conf"},
    command{"sequence", run_sequence, "print what a knock is made of"},
    command{"completions", run_completions, "print what a shell completes command lines by"},
};

} // namespace

std::span<const command> command_table() { return commands; }

} // namespace chronoknock::app

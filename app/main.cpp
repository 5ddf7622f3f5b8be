#include "app/commands.hpp"
#include "app/options.hpp"
#include "base/words.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <vector>

namespace {

using namespace chronoknock;

struct command {
    std::string_view name;
    int (*run)(const app::arguments&);
    std::string_view help;
};

constexpr std::array commands = {
    command{"server", app::run_server, "run the daemon"},
    command{"keygen", app::run_keygen, "make a key file"},
    command{"check", app::run_check, "read a server's configuration and say what it means"},
    command{"knock", app::run_knock, "knock on a server's door"},
    command{"connect", app::run_connect, "knock if need be, and be the connection: for ssh's ProxyCommand"},
    command{"doctor", app::run_doctor, "see why a door does not open"},
    command{"time", app::run_time, "ask time servers, and print what they say"},
    command{"guard", app::run_guard, "set the guard up, without a daemon: the last good one if need be"},
    command{"status", app::run_status, "ask the running daemon what it sees and does"},
    command{"watch", app::run_watch, "the same, live; to a pipe a line for each event"},
    command{"grants", app::run_grants, "list who may reach what, by whose key, for how long yet"},
    command{"revoke", app::run_revoke, "end the grants, and connections, of a key or an address"},
    command{"history", app::run_history, "list what was granted, refused, revoked"},
    command{"report", app::run_report, "write a page with pictures of what the daemon has seen"},
    command{"reload", app::run_reload, "have the daemon read its configuration again"},
    command{"confirm", app::run_confirm, "keep the guard of a server --trial"},
    command{"invite", app::run_invite, "make a key for somebody, and a line that hands it over"},
    command{"uninvite", app::run_uninvite, "take somebody's key out of the configuration"},
    command{"profile", app::run_profile, "keep the client's profiles"},
    command{"import", app::run_import, "make keys and services of knockd.conf or fwknop's access.conf"},
    command{"sequence", app::run_sequence, "print what a knock is made of"},
};

void print_help() {
    std::cout << "Usage: chronoknock COMMAND [ARGUMENT...]\n\n"
                 "Port knocking with sequences made from a key, the time and an address.\n\nCommands:\n";
    for (const auto& c : commands)
        std::cout << "  " << std::left << std::setw(10) << c.name << c.help << "\n";
    std::cout << "\nchronoknock COMMAND --help tells more of a command, --version the version.\n";
}

int run(const app::arguments& args) {
    if (args.empty()) return app::say(app::bad_usage, "expected a command; chronoknock --help lists them");
    const auto& name = args.front();
    if (name == "--help" || name == "-h" || (name == "help" && args.size() == 1))
        return print_help(), app::done;
    if (name == "help") return run({args[1], "--help"});
    if (name == "--version" || name == "-V") {
        std::cout << "chronoknock " CHRONOKNOCK_VERSION "\n";
        return app::done;
    }
    const auto found = std::ranges::find(commands, name, &command::name);
    if (found == commands.end()) {
        std::vector<std::string_view> known;
        for (const auto& c : commands) known.push_back(c.name);
        const auto meant = nearest(name, known);
        return app::say(app::bad_usage, "unknown command '" + printable(name) + "'; " +
                                            (meant.empty() ? "chronoknock --help lists them"
                                                           : "did you mean " + std::string(meant) + "?"));
    }
    return found->run({args.begin() + 1, args.end()});
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && argv[1] == std::string_view("server")) app::hold_signals();
    std::signal(SIGPIPE, SIG_IGN); // a reader that went away is a failed write, reported below
    int status = app::failed;
    try {
        status = run({argv + 1, argv + argc});
    } catch (const app::stop& s) {
        status = s.status;
    } catch (const std::exception& e) {
        status = app::say(app::failed, e.what());
    }
    if (!std::cout.flush()) return app::say(app::failed, "cannot write to standard output");
    return status;
}

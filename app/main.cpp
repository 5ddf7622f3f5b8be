#include "app/command_table.hpp"
#include "app/options.hpp"
#include "app/signals.hpp"
#include "base/words.hpp"
#include "commit.hpp" // made by app/version.cmake

#include <algorithm>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <vector>

namespace {

using namespace chronoknock;

void print_help() {
    std::cout << "Usage: chronoknock COMMAND [ARGUMENT...]\n\n"
                 "Port knocking with sequences made from a key, the time and an address.\n\nCommands:\n";
    for (const auto& c : app::command_table())
        std::cout << "  " << std::left << std::setw(13) << c.name << c.help << "\n";
    std::cout << "\nOptions:\n"
                 "  -h, --help     show this help and exit; with COMMAND, that of the command\n"
                 "  -V, --version  show the version and the commit of the build, and exit\n";
}

int run(const app::arguments& args) {
    if (args.empty()) return app::say(app::bad_usage, "expected a command; chronoknock --help lists them");
    const auto& name = args.front();
    if (name == "--help" || name == "-h" || (name == "help" && args.size() == 1))
        return print_help(), app::done;
    if (name == "help") return run({args[1], "--help"});
    if (name == "--version" || name == "-V") {
        std::cout << "chronoknock " CHRONOKNOCK_VERSION " (commit " CHRONOKNOCK_COMMIT ")\n";
        return app::done;
    }
    const auto commands = app::command_table();
    const auto found = std::ranges::find(commands, name, &app::command::name);
    if (found == commands.end()) {
        if (const auto there = app::elsewhere(name); !there.empty())
            return app::say(app::bad_usage, "no command '" + name + "': " + std::string(there));
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

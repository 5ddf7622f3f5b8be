#include "app/command_rows.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::app {

namespace {

constexpr std::array commands = {
    rows::keygen, rows::knock,   rows::connect,  rows::doctor,
    rows::time,   rows::profile, rows::sequence, rows::completions,
};

constexpr std::array<std::string_view, 16> of_the_server = {
    "fleet",  "server",  "helper", "check",  "guard",   "status", "watch",    "grants",
    "revoke", "history", "report", "reload", "confirm", "invite", "uninvite", "import",
};

} // namespace

std::span<const command> command_table() { return commands; }

std::string_view elsewhere(std::string_view name) {
    if (std::ranges::find(of_the_server, name) == of_the_server.end()) return {};
    return "this program is the client alone; the server's has it (Debian: the package chronoknock)";
}

} // namespace chronoknock::app

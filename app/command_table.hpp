#pragma once

#include "app/commands.hpp"

#include <span>
#include <string_view>

namespace chronoknock::app {

/// A command of the program.
struct command {
    std::string_view name;
    int (*run)(const arguments&);
    std::string_view help; ///< what it does, in half a line
};

/// All of them, in the order in which --help lists them: of the program as a whole (command_table.cpp) or of
/// the client alone (client_table.cpp), whichever is linked.
std::span<const command> command_table();

/// Where a command is to be found that this program lacks; empty: there is none of that name.
std::string_view elsewhere(std::string_view name);

} // namespace chronoknock::app

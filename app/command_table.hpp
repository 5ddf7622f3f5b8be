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

/// All of them, in the order in which --help lists them.
std::span<const command> command_table();

} // namespace chronoknock::app

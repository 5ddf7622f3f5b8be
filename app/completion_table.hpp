#pragma once

#include <string>
#include <vector>

namespace chronoknock::app {

/// What may stand in one place of a command line.
struct completion {
    std::string label; ///< as help has it: TARGET
    std::vector<std::string> words = {};
    bool files = false;
    bool folders = false;
    bool profiles = false; ///< names of the client's profiles
};

struct completed_option {
    std::string name;        ///< "--config"
    std::string letter = {}; ///< "-h", or empty
    std::string help = {};   ///< on one line
    bool takes_value = false;
    bool repeats = false;
    completion value = {};
};

struct completed_command {
    std::string name;
    std::string help;
    std::vector<completed_option> options = {};
    std::vector<completion> places = {}; ///< of its words that are no options, the first one first
};

/// What a shell has to know of all commands, `help` among them: read from their own tables of options and
/// from the line of help that says how each is called.
std::vector<completed_command> completion_table();

/// What completes command lines of them: for bash, to be sourced; for zsh, as a file _chronoknock of $fpath,
/// or to be sourced; for fish, to be sourced. Names of profiles are asked of the program itself.
std::string bash_completions(const std::vector<completed_command>& commands);
std::string zsh_completions(const std::vector<completed_command>& commands);
std::string fish_completions(const std::vector<completed_command>& commands);

} // namespace chronoknock::app

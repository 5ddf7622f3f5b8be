#include "app/completion_table.hpp"
#include "app/options.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <utility>

namespace chronoknock::app {

namespace {

using writer = std::string (*)(const std::vector<completed_command>&);
constexpr std::array<std::pair<std::string_view, writer>, 3> shells = {
    {{"bash", bash_completions}, {"zsh", zsh_completions}, {"fish", fish_completions}}};

usage completions_usage() {
    usage u{"completions bash|zsh|fish [OPTION...]",
            "Prints what a shell completes command lines of chronoknock by: commands, options, files and "
            "names of profiles. For this session: `source <(chronoknock completions bash)`, or zsh; "
            "`chronoknock completions fish | source`."};
    u.hidden.add_options()("shell", text("SHELL"));
    u.positional.add("shell", 1);
    return u;
}

} // namespace

int run_completions(const arguments& args) {
    const auto u = completions_usage();
    const auto shell = given(parse_options(args, u), "shell").value_or("");
    const auto found = std::ranges::find(shells, shell, &std::pair<std::string_view, writer>::first);
    if (found == shells.end())
        return say(bad_usage, "expected bash, zsh or fish; usage: chronoknock " + u.synopsis);
    std::cout << found->second(completion_table());
    return done;
}

} // namespace chronoknock::app

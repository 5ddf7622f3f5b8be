#include "app/asking.hpp"
#include "io/control/view_text.hpp"

namespace chronoknock::app {

int run_fleet(const arguments& args) {
    usage u{"fleet list [OPTION...]",
            "Lists the hosts of the fleet that the running daemon belongs to: when each was seen last, its\n"
            "live grants and version; and says how the fleet's cluster does. A host that was not seen for a\n"
            "day is not listed."};
    u.positional.add("word", 1);
    u.hidden.add_options()("word", po::value<std::string>());
    add_asking_options(u);
    const auto options = parse_options(args, u);
    if (given(options, "word") != "list") return say(bad_usage, "fleet: expected the word list");
    const auto o = ask_server(options, {"fleet"});
    return print_json(options, o) ? done : print(io::fleet_text(o));
}

} // namespace chronoknock::app

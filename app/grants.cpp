#include "app/asking.hpp"
#include "io/control/view_text.hpp"

namespace chronoknock::app {

int run_grants(const arguments& args) {
    usage u{"grants [OPTION...]",
            "Lists the live grants: who may reach what, by whose key, and for how long yet. "
            "Connections\noutlast them."};
    add_asking_options(u);
    const auto options = parse_options(args, u);
    const auto o = ask_server(options, {"grants"});
    return print_json(options, o) ? done : print(io::grants_text(o));
}

} // namespace chronoknock::app

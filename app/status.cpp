#include "app/asking.hpp"
#include "io/control/view_text.hpp"

namespace chronoknock::app {

int run_status(const arguments& args) {
    usage u{"status [OPTION...]", "Asks the running server what it sees and does."};
    add_asking_options(u);
    const auto options = parse_options(args, u);
    const auto o = ask_server(options, {"status"});
    return print_json(options, o) ? done : print(io::status_text(o));
}

} // namespace chronoknock::app

#include "app/asking.hpp"

#include <iostream>

namespace chronoknock::app {

int run_confirm(const arguments& args) {
    usage u{"confirm [OPTION...]",
            "Keeps the guard of a server that runs with --trial. Give it from a new "
            "connection, opened by a\nknock. Only root and who has started the server may."};
    add_asking_options(u);
    const auto options = parse_options(args, u);
    const auto o = ask_server(options, {"confirm"});
    if (!print_json(options, o)) std::cout << "confirmed: the guard stays\n";
    return done;
}

} // namespace chronoknock::app

#include "app/asking.hpp"

#include <iostream>

namespace chronoknock::app {

int run_confirm(const arguments& args) {
    usage u{"confirm [OPTION...]",
            "Keeps the guard of a server that runs with --trial. Give it from a new "
            "connection, opened by a\nknock. Only root and the server's own user may."};
    add_asking_options(u);
    const auto parsed = parse_options(args, u);
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    const auto answer = ask_server(options, {"confirm"});
    if (const auto* status = std::get_if<int>(&answer)) return *status;
    if (!print_json(options, std::get<boost::json::object>(answer)))
        std::cout << "confirmed: the guard stays\n";
    return done;
}

} // namespace chronoknock::app

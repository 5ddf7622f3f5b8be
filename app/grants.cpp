#include "app/asking.hpp"
#include "io/control/view_text.hpp"

namespace chronoknock::app {

int run_grants(const arguments& args) {
    usage u{"grants [OPTION...]",
            "Lists the live grants: who may reach what, by whose key, and for how long yet. "
            "Connections\noutlast them."};
    add_asking_options(u);
    const auto parsed = parse_options(args, u);
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    const auto answer = ask_server(options, {"grants"});
    if (const auto* status = std::get_if<int>(&answer)) return *status;
    const auto& o = std::get<boost::json::object>(answer);
    return print_json(options, o) ? done : print(io::grants_text(o));
}

} // namespace chronoknock::app

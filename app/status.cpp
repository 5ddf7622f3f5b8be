#include "io/control/status.hpp"
#include "app/options.hpp"
#include "config/server.hpp"
#include "io/control/control.hpp"

#include <iostream>

namespace chronoknock::app {

namespace {

usage status_usage() {
    usage u{"status [OPTION...]", "Asks the running server what it sees and does."};
    u.options.add_options() //
        ("control", text("PATH")->default_value(config::server().control),
         "the server's control socket")("json", "one JSON object");
    return u;
}

} // namespace

int run_status(const arguments& args) {
    const auto parsed = parse_options(args, status_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    auto answer = io::ask_status(*given(options, "control"));
    if (answer && !options.count("json")) answer = io::status_text(*answer);
    if (!answer) return say(failed, answer.error().text);
    std::cout << *answer;
    return done;
}

} // namespace chronoknock::app

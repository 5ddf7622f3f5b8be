#include "io/control/status.hpp"
#include "app/options.hpp"
#include "config/server.hpp"
#include "io/control/ask.hpp"
#include "io/system/files.hpp"

#include <boost/json.hpp>
#include <iostream>

namespace chronoknock::app {

namespace {

usage status_usage() {
    usage u{"status [OPTION...]", "Asks the running server what it sees and does."};
    const auto otherwise = "the control socket itself (" + config::server().control + ")";
    u.options.add_options()                                                                    //
        ("config", text("FILE"), "the server's configuration, which names its control socket") //
        ("control", text("PATH"), otherwise.c_str())                                           //
        ("json", "one JSON object");
    return u;
}

/// Where the server listens; an error if the configuration that says so cannot be read.
result<std::string> control_path(const po::variables_map& options) {
    std::string path = config::server().control;
    if (const auto control = given(options, "control")) {
        path = *control;
    } else if (const auto file = given(options, "config")) {
        const auto text = io::read_file(*file);
        if (!text) return text.error();
        path = config::paths_of(*text, *file).control;
    }
    return {boost::system::in_place_value, std::move(path)};
}

} // namespace

int run_status(const arguments& args) {
    const auto parsed = parse_options(args, status_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    const auto path = control_path(options);
    if (!path) return say(bad_usage, path.error().text);
    const auto status = io::ask(*path, {"status"});
    if (!status) return say(failed, status.error().text);
    if (options.count("json")) {
        std::cout << boost::json::serialize(*status) << '\n';
        return done;
    }
    const auto text = io::status_text(*status);
    if (!text) return say(failed, text.error().text);
    std::cout << *text;
    return done;
}

} // namespace chronoknock::app

#include "app/asking.hpp"

#include "app/server_site.hpp"
#include "io/control/plain_json.hpp"

#include <iostream>

namespace chronoknock::app {

void add_asking_options(usage& u) {
    const auto otherwise =
        "the control socket itself (as the configuration says, else " + config::server().control + ")";
    add_config_option(u.options);
    u.options.add_options()                          //
        ("control", text("PATH"), otherwise.c_str()) //
        ("json", "print JSON");
}

std::string control_path(const po::variables_map& options) {
    const auto control = given(options, "control");
    return control ? *control : find_server(options).paths.control;
}

boost::json::object ask_server(const po::variables_map& options, const io::request& r,
                               const io::ask_limits& limits) {
    auto answer = io::ask(control_path(options), r, limits);
    if (!answer) throw stop{say(answer.error().status, answer.error().text)};
    return std::move(*answer);
}

bool print_json(const po::variables_map& options, const boost::json::object& o) {
    if (!options.count("json")) return false;
    std::cout << io::plain_json(o) << '\n';
    return true;
}

int print(const result<std::string>& text) {
    if (!text) return say(failed, text.error().text);
    std::cout << *text;
    return done;
}

} // namespace chronoknock::app

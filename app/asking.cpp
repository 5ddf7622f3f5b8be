#include "app/asking.hpp"

#include "config/server.hpp"
#include "io/control/plain_json.hpp"
#include "io/system/files.hpp"

#include <iostream>

namespace chronoknock::app {

void add_asking_options(usage& u) {
    const auto otherwise = "the control socket itself (" + config::server().control + ")";
    u.options.add_options()                                                                    //
        ("config", text("FILE"), "the server's configuration, which names its control socket") //
        ("control", text("PATH"), otherwise.c_str())                                           //
        ("json", "print JSON");
}

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

std::variant<io::answer, int> ask_for_answer(const po::variables_map& options, const io::request& r,
                                             const io::ask_limits& limits) {
    const auto path = control_path(options);
    if (!path) return say(bad_usage, path.error().text);
    return io::ask(*path, r, limits);
}

std::variant<boost::json::object, int> ask_server(const po::variables_map& options, const io::request& r,
                                                  const io::ask_limits& limits) {
    auto asked = ask_for_answer(options, r, limits);
    if (const auto* status = std::get_if<int>(&asked)) return *status;
    auto& answer = std::get<io::answer>(asked);
    if (!answer) return say(answer.error().status, answer.error().text);
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

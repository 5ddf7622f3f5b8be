#include "app/asking.hpp"
#include "io/control/plain_json.hpp"
#include "io/control/view_text.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <thread>
#include <unistd.h>

namespace chronoknock::app {

namespace {

namespace json = boost::json;

constexpr std::chrono::seconds pace{1};
constexpr std::int64_t most_events = 1000; // in a second
constexpr std::int64_t events_shown = 12;
constexpr const char* clear = "\033[H\033[2J";

usage watch_usage() {
    usage u{
        "watch [OPTION...]",
        "Shows what the running server does, anew each second. To a pipe, or with --json, it writes a line\n"
        "for each knock granted or refused and each grant that ends, as it comes."};
    add_asking_options(u);
    return u;
}

/// The history's entries after a number, as they come.
class events {
public:
    explicit events(std::string path) : path_(std::move(path)) {}

    /// Begins with what comes from now on.
    result<void> begin() {
        const auto newest = ask(0, 1);
        if (!newest) return newest.error();
        after_ = newest->empty() ? 0 : number_of(newest->back());
        return {};
    }
    result<json::array> next() {
        auto found = ask(after_, most_events);
        if (found && !found->empty()) after_ = number_of(found->back());
        return found;
    }
    result<json::array> latest() { return ask(0, events_shown); }

private:
    static std::int64_t number_of(const json::value& entry) {
        return entry.at("number").to_number<std::int64_t>();
    }
    result<json::array> ask(std::int64_t after, std::int64_t most) {
        const auto answer = io::ask(path_, {"history", {{"after", after}, {"limit", most}}});
        if (!answer) return answer.error();
        return answer->at("entries").as_array();
    }

    std::string path_;
    std::int64_t after_ = 0;
};

int draw(const std::string& path) {
    events all(path);
    for (; std::cout; std::this_thread::sleep_for(pace)) {
        std::string screen;
        const auto status = io::ask(path, {"status"});
        if (!status) {
            screen = "chronoknock: " + status.error().text + "\n";
        } else {
            const auto text = io::status_text(*status);
            screen = text ? *text : text.error().text + "\n";
            if (const auto latest = all.latest()) {
                screen += "\n";
                for (const auto& e : *latest) screen += io::event_text(e.as_object()).value() + "\n";
            }
        }
        std::cout << clear << screen << std::flush;
    }
    return done;
}

int print_lines(const std::string& path, bool as_json) {
    events all(path);
    if (const auto begun = all.begin(); !begun) return say(failed, begun.error().text);
    bool is_lost = false;
    for (; std::cout; std::this_thread::sleep_for(pace)) {
        if (is_lost && !all.begin()) continue;
        const auto some = all.next();
        if (!some && !is_lost) tell(some.error().text + "; going on when it does");
        is_lost = !some;
        if (is_lost) continue;
        for (const auto& e : *some)
            std::cout << (as_json ? io::plain_json(e) : io::event_text(e.as_object()).value()) << '\n';
        std::cout << std::flush;
    }
    return done;
}

} // namespace

int run_watch(const arguments& args) {
    const auto options = parse_options(args, watch_usage());
    const auto path = control_path(options);
    const bool as_json = options.count("json") != 0;
    return !as_json && ::isatty(STDOUT_FILENO) ? draw(path) : print_lines(path, as_json);
}

} // namespace chronoknock::app

#include "app/asking.hpp"
#include "io/control/view_text.hpp"
#include "io/system/clock.hpp"

#include <ctime>
#include <time.h>

namespace chronoknock::app {

namespace {

constexpr nanoseconds longest_ago = std::chrono::hours(24 * 3650);

usage history_usage() {
    usage u{"history [OPTION...]",
            "Lists what was granted, to whom, for what, until when; what was refused, and why; what was\n"
            "revoked, and what ended. Times are UTC. The newest 10000 entries are kept, refusals among them\n"
            "1000 at most."};
    u.options.add_options() //
        ("since", text("TIME"),
         "so long ago (90, 30m, 12h), Unix time (@N), or \"2026-11-28 12:00:00\" UTC") //
        ("key", text("NAME"), "of one key")                                            //
        ("limit", text("N"), "the newest N, 1 to 10000 (100)");
    add_asking_options(u);
    return u;
}

/// "2026-11-28", "2026-11-28 12:00", "2026-11-28 12:00:00", with T for the blank and Z behind it if you like.
std::optional<std::int64_t> parse_utc(const std::string& text) {
    for (const char* form :
         {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm t{};
        const char* const end = ::strptime(text.c_str(), form, &t);
        if (end && (*end == '\0' || std::string_view(end) == "Z")) return ::timegm(&t);
    }
    return {};
}

/// Seconds since the epoch.
result<double> parse_since(const std::string& text) {
    if (text.starts_with('@')) {
        const auto n = parse_number(text.substr(1), 0, 4'000'000'000);
        if (!n) return n.error();
        return static_cast<double>(*n);
    }
    if (const auto at = parse_utc(text)) return static_cast<double>(*at);
    const auto ago = parse_duration(text, nanoseconds(0), longest_ago);
    if (!ago) return error{"expected a duration, @UNIXTIME or a time like 2026-11-28 12:00:00"};
    return std::chrono::duration<double>((io::system_now() - *ago).time_since_epoch()).count();
}

} // namespace

int run_history(const arguments& args) {
    const auto parsed = parse_options(args, history_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    io::request r{"history"};
    const auto limit = number_option(options, "limit", 1, 10'000, 100);
    if (!limit) return unfit("limit", limit.error());
    r.arguments["limit"] = *limit;
    if (const auto key = given(options, "key")) r.arguments["key"] = *key;
    if (const auto text = given(options, "since")) {
        const auto since = parse_since(*text);
        if (!since) return unfit("since", since.error());
        r.arguments["since"] = *since;
    }
    const auto answer = ask_server(options, r);
    if (const auto* status = std::get_if<int>(&answer)) return *status;
    const auto& o = std::get<boost::json::object>(answer);
    return print_json(options, o) ? done : print(io::history_text(o));
}

} // namespace chronoknock::app

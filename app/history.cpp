#include "app/asking.hpp"
#include "base/date.hpp"
#include "base/in_words.hpp"
#include "io/control/view_text.hpp"
#include "io/system/clock.hpp"

namespace chronoknock::app {

namespace {

usage history_usage() {
    usage u{"history [OPTION...]",
            "Lists what was granted, to whom, for what, until when; what was refused, and why; what was\n"
            "revoked, and what ended. Times are UTC. The newest 10000 entries are kept, refusals among them\n"
            "1000 at most."};
    u.options.add_options() //
        ("since", text("TIME"),
         "so long ago (30d, 12h, 90m), @UNIXTIME or a date, \"2026-11-28 12:00\" (UTC)") //
        ("key", text("NAME"), "of one key")                                              //
        ("limit", text("N"), "the newest N, 1 to 10000 (100)");
    add_asking_options(u);
    return u;
}

} // namespace

int run_history(const arguments& args) {
    const auto options = parse_options(args, history_usage());
    io::request r{"history"};
    const auto limit = number_option(options, "limit", 1, 10'000, 100);
    if (!limit) return unfit("limit", limit.error());
    r.arguments["limit"] = *limit;
    if (const auto key = given(options, "key")) r.arguments["key"] = *key;
    if (const auto text = given(options, "since")) {
        const auto since = parse_moment(*text, io::system_now(), direction::back);
        if (!since) return unfit("since", since.error());
        r.arguments["since"] = in_seconds(since->time_since_epoch());
    }
    const auto o = ask_server(options, r);
    return print_json(options, o) ? done : print(io::history_text(o));
}

} // namespace chronoknock::app

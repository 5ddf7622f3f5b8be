#include "app/entry.hpp"
#include "app/verdict.hpp"
#include "io/control/plain_json.hpp"

#include <boost/json.hpp>
#include <iostream>

namespace chronoknock::app {

namespace json = boost::json;

namespace {

usage knock_usage() {
    usage u{
        "knock TARGET [SERVICE] [OPTION...]",
        "Knocks on a server's door, on every address family that it has. TARGET is a host with --key FILE,\n"
        "or else a profile of the client's own configuration. SERVICE is the one service asked for, instead\n"
        "of all that the key may open; of an fwknop key the ports, as in tcp/22,udp/53."};
    add_order_options(u.options);
    u.options.add_options() //
        ("at", text("UNIX_TIME"),
         "knock for this moment, in seconds since 1970, whatever has been used;\n"
         "of a one-time key send this number, and the next time the one after it") //
        ("wait", text("PORT"),
         "try this TCP port first, and do not knock if it is open; else try until\n"
         "it opens, say how long it took, and end with status 3 if it does not");
    u.options.add_options()("json", "print JSON");
    add_request_options(u.options);
    u.hidden.add_options()("target", text("TARGET"))("service", text("SERVICE"));
    u.positional.add("target", 1).add("service", 1);
    return u;
}

/// What came of it, in one piece: for people line by line, or as JSON.
struct outcome {
    std::uint16_t port = 0;                ///< of the door; 0: none was tried
    bool open = false;                     ///< it is
    std::optional<nanoseconds> after = {}; ///< it opened so long after the last SYN
    std::string reason = {};               ///< why not
};

void print_json(const order& o, const entry& e, const outcome& came) {
    json::array knocks;
    for (const auto& k : e.knocks) {
        knocks.push_back(json::object{{"to", k.by.to.ip.to_string()},
                                      {"from", k.by.source.to_string()},
                                      {"packets", k.report.syns},
                                      {"rounds", k.report.rounds},
                                      {"answered", k.report.answered}});
        if (k.by.pair) knocks.back().as_object()["pair"] = k.by.pair->to_string();
    }
    json::object all{{"host", o.profile.host}, {"knocks", std::move(knocks)}};
    if (came.port != 0) {
        all["port"] = came.port;
        all["open"] = came.open;
        if (came.after) all["opened_after"] = std::chrono::duration<double>(*came.after).count();
        if (!came.open) all["reason"] = came.reason;
    }
    std::cout << io::plain_json(all) << "\n";
}

void print(const order& o, const entry& e, const outcome& came) {
    for (const auto& k : e.knocks) std::cout << in_words(o, k) << "\n";
    if (!came.open) return;
    std::cout << "port " << came.port;
    if (e.knocks.empty())
        std::cout << " is open: no knock was needed\n";
    else if (came.after)
        std::cout << " open " << in_words(*came.after) << " after the last SYN\n";
    else
        std::cout << " open\n"; // between two knocks
}

int knock(const po::variables_map& options, const usage& u) {
    const auto o = read_order(options, u);
    const auto port = o.profile.wait;
    // Who asks for more than an open door knocks in any case.
    const bool first_tries = port != 0 && !o.at && !o.request.close && !o.request.beneficiary && !o.pair;
    entry e;
    if (first_tries)
        e = enter(o, port);
    else
        e.knocks = knock_anyway(o, port);
    outcome came{.port = port, .open = static_cast<bool>(e.connection)};
    for (const auto& k : e.knocks)
        if (k.report.opened_after) {
            came.open = true;
            came.after = k.report.opened_after;
        }
    if (port != 0 && !came.open) came.reason = stayed_shut(o, e.knocks, port);
    if (options.count("json"))
        print_json(o, e, came);
    else if (!o.quiet)
        print(o, e, came);
    if (e.connection) remember_round_trip(e.connection);
    if (came.after && first_tries) remember_opening(o); // else it may have been open before
    if (port == 0) return tell_of_silence(o, e.knocks), done;
    return came.open ? done : say(not_opened, came.reason);
}

} // namespace

int run_knock(const arguments& args) {
    const auto u = knock_usage();
    return knock(parse_options(args, u), u);
}

} // namespace chronoknock::app

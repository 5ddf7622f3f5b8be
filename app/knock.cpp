#include "app/entry.hpp"
#include "app/verdict.hpp"

#include <iostream>

namespace chronoknock::app {

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
    add_request_options(u.options);
    u.hidden.add_options()("target", text("TARGET"))("service", text("SERVICE"));
    u.positional.add("target", 1).add("service", 1);
    return u;
}

int knock(const po::variables_map& options, const usage& u) {
    const auto o = read_order(options, u);
    const auto port = o.profile.wait;
    // Who asks for more than an open door knocks in any case.
    const bool first_tries = port != 0 && !o.at && !o.request.close && !o.request.beneficiary;
    entry e;
    if (first_tries)
        e = enter(o, port);
    else
        e.knocks = knock_anyway(o, port);
    for (const auto& k : e.knocks) std::cout << in_words(o, k) << "\n";
    if (port == 0) return tell_of_silence(o, e.knocks), done;
    if (e.connection) remember_round_trip(e.connection);
    if (e.knocks.empty()) {
        std::cout << "port " << port << " is open: no knock was needed\n";
        return done;
    }
    for (const auto& k : e.knocks)
        if (k.report.opened_after) {
            std::cout << "port " << port << " open " << in_words(*k.report.opened_after)
                      << " after the last SYN\n";
            if (first_tries) remember_opening(o); // else it may have been open before
            return done;
        }
    if (e.connection) { // between two knocks
        std::cout << "port " << port << " open\n";
        return done;
    }
    return say(not_opened, stayed_shut(o, e.knocks, port));
}

} // namespace

int run_knock(const arguments& args) {
    const auto u = knock_usage();
    const auto parsed = parse_options(args, u);
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    try {
        return knock(std::get<po::variables_map>(parsed), u);
    } catch (const stop& s) {
        return s.status;
    }
}

} // namespace chronoknock::app

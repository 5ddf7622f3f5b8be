#include "app/options.hpp"
#include "base/address.hpp"
#include "client/window.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "method/method.hpp"

#include <iostream>
#include <limits>

namespace chronoknock::app {

namespace {

usage sequence_usage() {
    usage u{"sequence --key FILE --ip IP [OPTION...]",
            "Prints the ports that IP knocks on, in order, on one line."};
    u.options.add_options()                                                                                 //
        ("key", text("FILE")->required(), "key file")                                                       //
        ("ip", text("IP")->required(), "address that the knock comes from")                                 //
        ("at", text("UNIX_TIME"), "moment, in seconds since 1970 (now); of numbered knocks the number (0)") //
        ("service", text("NAME")->default_value(""), "service asked for (all)")                             //
        ("allow-loose-permissions", "take a key file that others can read or write");
    return u;
}

} // namespace

int run_sequence(const arguments& args) {
    const auto parsed = parse_options(args, sequence_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);

    const auto ip = address::parse(*given(options, "ip"));
    if (!ip) return unfit("ip", ip.error());
    const auto service = *given(options, "service");
    const auto k = io::load_key_file(*given(options, "key"), options.count("allow-loose-permissions"));
    if (!k) return say(bad_usage, k.error().text);
    const auto at = number_option(options, "at", 0, std::numeric_limits<std::int64_t>::max(),
                                  (*k)->numbered() ? 0 : to_seconds(io::system_now()));
    if (!at) return unfit("at", at.error());
    if (const auto fits = client::check_service(service, (*k)->names_service()); !fits)
        return unfit("service", fits.error());

    const auto plan = method::method_of(**k).plan(**k, {*ip, *at, service});
    if (!plan) return say(failed, plan.error().text);
    std::cout << client::to_text(*plan) << "\n";
    return done;
}

} // namespace chronoknock::app

#include "app/request.hpp"
#include "base/address.hpp"
#include "base/text.hpp"
#include "client/window.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "io/system/random.hpp"
#include "method/method.hpp"

#include <iostream>
#include <limits>

namespace chronoknock::app {

namespace {

usage sequence_usage() {
    usage u{"sequence --key FILE --ip IP [OPTION...]",
            "Prints what a knock of IP is made of, on one line: ports in order, or a message in hexadecimal, "
            "a name of\n"
            "the DNS or words, as the key's method has it."};
    u.options.add_options()                                                                             //
        ("key", text("FILE")->required(), "key file")                                                   //
        ("ip", text("IP")->required(), "address that the knock comes from")                             //
        ("at", text("UNIX_TIME"), "moment, in seconds since 1970 (now); of numbered knocks the number") //
        ("count", text("N"), "number of the one-time password (the first)")                             //
        ("service", text("NAME")->default_value(""), "service asked for (all); of fwknop keys tcp/22")  //
        ("nonce", text("HEX"), "take this nonce, where the method has one (random)")                    //
        ("allow-loose-permissions", "take a key file that others can read or write");
    add_request_options(u.options);
    return u;
}

int sequence(const po::variables_map& options) {
    const auto ip = address::parse(*given(options, "ip"));
    if (!ip) return unfit("ip", ip.error());
    const auto service = *given(options, "service");
    const auto k = io::load_key_file(*given(options, "key"), options.count("allow-loose-permissions"));
    if (!k) return say(bad_usage, k.error().text);
    if (!(*k)->can_knock()) return say(bad_usage, server_has_it(*given(options, "key")));
    const bool counted = options.count("count");
    if (counted && !method::method_of(**k).carries.number)
        return unfit("count", {"expected none: knocks of the method " + std::string((*k)->method()) +
                               " are no one-time passwords"});
    if (counted && options.count("at")) return unfit("count", {"expected none beside --at"});
    const auto option = counted ? "count" : "at";
    const auto at = number_option(options, option, 0, std::numeric_limits<std::int64_t>::max(),
                                  (*k)->numbered() ? (*k)->number_after({}) : to_seconds(io::system_now()));
    if (!at) return unfit(option, at.error());
    if (const auto fits = client::check_service(service, **k); !fits) return unfit("service", fits.error());

    const auto random = io::random_secret(32);
    if (!random) return say(failed, random.error().text);
    method::knock_request request{.source = *ip, .at = *at, .service = service, .random = *random};
    read_request(options, **k, request);
    std::vector<std::uint8_t> nonce;
    if (const auto text = given(options, "nonce")) {
        const auto size = method::method_of(**k).carries.nonce;
        if (size == 0)
            return unfit("nonce", error{"expected none: knocks of the method " + std::string((*k)->method()) +
                                        " have none"});
        auto bytes = parse_hex(*text);
        if (!bytes) return unfit("nonce", bytes.error());
        if (bytes->size() != size)
            return unfit("nonce", error{"expected " + std::to_string(size) + " bytes in hexadecimal"});
        nonce = std::move(*bytes);
        request.nonce = nonce;
    }
    const auto plan = method::method_of(**k).plan(**k, request);
    if (!plan) return say(failed, plan.error().text);
    std::cout << (plan->text.empty() ? client::to_text(plan->shots) : plan->text) << "\n";
    return done;
}

} // namespace

int run_sequence(const arguments& args) { return sequence(parse_options(args, sequence_usage())); }

} // namespace chronoknock::app

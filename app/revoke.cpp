#include "app/asking.hpp"
#include "base/address.hpp"

#include <iostream>

namespace chronoknock::app {

namespace {

usage revoke_usage() {
    usage u{"revoke KEY|ADDRESS [--cut] [OPTION...]",
            "Ends the live grants of a key, or those that let an address in (or any of a network, as in\n"
            "192.0.2.0/24), and what is on its way for it. New knocks of the key earn new ones: to keep\n"
            "somebody out, take the key out of the configuration and reload. --cut ends connections too: of\n"
            "an address, and of a network that was let in with it, all of them, of a key all from addresses "
            "that\n"
            "it opened for, whoever's grant they came by (the 64 newest at least; once some are forgotten,\n"
            "all TCP connections to its services that no other key's record explains). A key that is named\n"
            "like an address is meant before the address. Only root and the server's own user may."};
    u.options.add_options()("cut", "end connections, too");
    u.hidden.add_options()("whose", po::value<std::string>());
    u.positional.add("whose", 1);
    add_asking_options(u);
    return u;
}

std::string so_many(const boost::json::object& o, const char* name, const std::string& one) {
    const auto n = o.at(name).to_number<std::uint64_t>();
    return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

} // namespace

int run_revoke(const arguments& args) {
    const auto options = parse_options(args, revoke_usage());
    const auto whose = given(options, "whose");
    if (!whose || whose->empty()) return say(bad_usage, "revoke: expected the name of a key, or an address");
    const bool cut = options.count("cut") != 0;
    const auto ask = [&](const char* as) {
        return io::ask(control_path(options), {"revoke", {{as, *whose}, {"cut", cut}}});
    };
    auto answer = ask("key");
    const bool is_address = whose->find('/') != whose->npos || address::parse(*whose).has_value();
    if (is_address && !answer && answer.error().code == io::nothing_to_end) answer = ask("address");
    if (!answer) return say(answer.error().status, answer.error().text);
    const auto& o = *answer;
    if (print_json(options, o)) return done;
    try {
        std::cout << so_many(o, "grants", "grant") << " ended"
                  << (o.at("coming").to_number<std::uint64_t>() == 0
                          ? ""
                          : ", " + so_many(o, "coming", "knock") + " stopped on the way")
                  << (cut ? ", " + so_many(o, "connections", "connection") + " cut" : "") << '\n';
        if (const auto* const forgotten = o.if_contains("addresses_forgotten");
            cut && forgotten && forgotten->as_bool())
            tell("the key has opened for more addresses than are remembered: TCP connections that no other "
                 "key's record explains are cut as well");
    } catch (const std::exception&) {
        return say(failed, "the server's answer is not what this program knows");
    }
    return done;
}

} // namespace chronoknock::app

#include "app/asking.hpp"
#include "app/running_server.hpp"
#include "base/address.hpp"

#include <algorithm>
#include <iostream>

namespace chronoknock::app {

namespace {

usage revoke_usage() {
    usage u{"revoke KEY|ADDRESS [--cut] [OPTION...]",
            "Ends the live grants of a key, or those that let an address in (or any of a network, as in\n"
            "192.0.2.0/24), and what is on its way for it. New knocks of the key earn new ones: to keep\n"
            "somebody out, take the key out of the configuration and reload. --cut ends connections too: of\n"
            "an address, and of a network that was let in with it, all of them; of a key all from addresses\n"
            "that it opened for, whoever's grant they came by (the 64 newest at least; once some are\n"
            "forgotten, all TCP connections to its services that no other key's record explains). A key\n"
            "that is named like an address is meant before the address, and as well as it once it is\n"
            "removed. Only root and who has started the server may."};
    u.options.add_options()("cut", "end connections, too");
    u.hidden.add_options()("whose", po::value<std::string>());
    u.positional.add("whose", 1);
    add_asking_options(u);
    return u;
}

std::uint64_t count_in(const boost::json::object& o, const char* name) {
    return o.at(name).to_number<std::uint64_t>();
}

std::string so_many(const boost::json::object& o, const char* name, const std::string& one) {
    const auto n = count_in(o, name);
    return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

/// Of a name that is an address, too: whether the address is meant, and not the key, or both. (The record
/// knows a key for long after it was removed.)
bool means_address(const io::answer& of_key, const std::string& name, const std::string& control) {
    if (!of_key) return found_nothing(of_key.error());
    if (count_in(*of_key, "grants") != 0) return false;
    const auto served = keys_served(control);
    return std::ranges::find(served, name) == served.end();
}

/// What came of ending both.
boost::json::object sum(const boost::json::object& a, const boost::json::object& b) {
    auto all = a;
    all["fleet_waits"] = a.at("fleet_waits").as_bool() || b.at("fleet_waits").as_bool();
    for (const auto* name : {"grants", "coming", "connections"})
        all[name] = count_in(a, name) + count_in(b, name);
    return all;
}

} // namespace

int run_revoke(const arguments& args) {
    const auto options = parse_options(args, revoke_usage());
    const auto whose = given(options, "whose");
    if (!whose || whose->empty()) return say(bad_usage, "revoke: expected the name of a key, or an address");
    // No key is named so.
    if (const auto network = prefix::parse(*whose); !network && whose->find('/') != whose->npos)
        return say(bad_usage, "revoke: " + network.error().text);
    const bool cut = options.count("cut") != 0;
    const auto control = control_path(options);
    const auto ask = [&](const char* as) {
        return io::ask(control, {"revoke", {{as, *whose}, {"cut", cut}}}, io::cut_limits);
    };
    try {
        auto answer = ask("key");
        if (prefix::parse(*whose) && means_address(answer, *whose, control)) {
            auto to_address = ask("address");
            if (!answer)
                answer = std::move(to_address);
            else if (to_address)
                answer = sum(*answer, *to_address);
            else if (!found_nothing(to_address.error()))
                answer = to_address.error();
        }
        if (!answer) return say(answer.error().status, answer.error().text);
        const auto& o = *answer;
        if (print_json(options, o)) return done;
        std::cout << so_many(o, "grants", "grant") << " ended"
                  << (o.at("coming").to_number<std::uint64_t>() == 0
                          ? ""
                          : ", " + so_many(o, "coming", "knock") + " stopped on the way")
                  << (cut ? ", " + so_many(o, "connections", "connection") + " cut" : "") << '\n';
        if (cut) tell_of_forgotten(o);
        if (o.at("fleet_waits").as_bool())
            std::cout << "the fleet's cluster is not in reach: its other hosts end theirs once it is, if the "
                         "server here runs until then, or in their time\n";
    } catch (const std::exception&) {
        return say(failed, "the server's answer is not what this program knows");
    }
    return done;
}

} // namespace chronoknock::app

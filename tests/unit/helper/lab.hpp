#pragma once

#include "helper/requests.hpp"

/// Requests of each kind.
namespace helper_lab {

using namespace chronoknock;

inline firewall::rules some_rules() {
    firewall::rules r;
    service ssh;
    ssh.name = "ssh";
    ssh.ports = {*endpoint_range::parse("tcp/22"), *endpoint_range::parse("udp/60000-61000")};
    ssh.uses = 3;
    ssh.until_idle = true;
    ssh.prefixes4 = {16, 24};
    ssh.prefixes6 = {64};
    r.services = {ssh};
    r.unauthorized = firewall::unauthorized::reset;
    r.always_allow = {*prefix::parse("192.0.2.0/24"), *prefix::parse("2001:db8::/32")};
    r.also_for = {*prefix::parse("198.51.100.0/24")};
    r.translated = true;
    r.trial_end = instant(std::chrono::hours(7));
    r.trial_left = std::chrono::minutes(10);
    return r;
}

inline firewall::nft_order some_order() {
    firewall::nft_order o;
    o.rules = some_rules();
    const auto v4 = *address::parse("192.0.2.7"), v6 = *address::parse("2001:db8::7");
    o.existing = {{"tcp4", "grant4_ssh.6a3f20c1"}, {"input", "guard"}, {{"grant4_ssh.6a3f20c1", v4}}};
    o.admitted = {{transport::tcp, v4, 1025, 22}, {transport::udp, v6, 1026, 60000}};
    o.cut = {{transport::udp, v4, 7, 60001}};
    return o;
}

inline std::vector<helper::request> one_of_each() {
    return {helper::write_guard{some_order()},
            helper::keep_guard{some_rules()},
            helper::restore_guard{},
            helper::remove_guard{},
            helper::find_translation{},
            helper::read_configuration{},
            helper::take_up{},
            helper::look_up{"ntp1.example"},
            helper::run_program{helper::program::open,
                                {"/usr/local/bin/told", "a b"},
                                {"CHRONOKNOCK_ACTION=open", "CHRONOKNOCK_ADDRESS=2001:db8::7"}},
            helper::open_socket{6, helper::open_socket::kind::datagram}};
}

} // namespace helper_lab

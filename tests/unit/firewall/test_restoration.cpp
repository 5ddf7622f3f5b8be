#include "firewall/restoration.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::firewall;

namespace {

flow tcp(const char* peer, std::uint16_t peer_port, std::uint16_t port = 22) {
    return {transport::tcp, *address::parse(peer), peer_port, port};
}

rules guarding(std::initializer_list<std::uint16_t> ports) {
    rules r;
    for (const auto p : ports) {
        service s;
        s.name = "s" + std::to_string(p);
        s.ports = {{transport::tcp, {p, p}}};
        r.services.push_back(s);
    }
    return r;
}

} // namespace

BOOST_AUTO_TEST_SUITE(restoration_of_flows)

BOOST_AUTO_TEST_CASE(the_first_guard_cuts_nothing) {
    const flow open[] = {tcp("192.0.2.1", 1000), tcp("192.0.2.2", 1000, 80)},
               tracked[] = {tcp("192.0.2.3", 1000)};
    const auto flows = adopt_flows(guarding({22}), nullptr, open, tracked);
    BOOST_TEST((flows == std::vector{open[0], tracked[0]}));
}

BOOST_AUTO_TEST_CASE(other_rules_take_over_what_was_not_guarded_or_always_allowed) {
    auto before = guarding({22});
    before.always_allow = {*prefix::parse("192.0.2.9")};
    const flow tracked[] = {tcp("192.0.2.1", 1, 22), tcp("192.0.2.9", 2, 22), tcp("192.0.2.1", 3, 80)};
    BOOST_TEST(
        (adopt_flows(guarding({22, 80}), &before, {}, tracked) == std::vector{tracked[1], tracked[2]}));
}

BOOST_AUTO_TEST_CASE(a_lost_guard_comes_back_with_what_it_admitted_and_no_more) {
    auto r = guarding({22});
    r.always_allow = {*prefix::parse("192.0.2.9")};
    const flow known[] = {tcp("192.0.2.1", 1)};
    const flow open[] = {known[0],
                         tcp("192.0.2.2", 2),      // granted since
                         tcp("192.0.2.9", 3),      // always allowed
                         tcp("127.0.0.1", 4),      // loopback
                         tcp("198.51.100.1", 5),   // nobody knows him
                         tcp("192.0.2.66", 6, 22), // both ends are here
                         tcp("192.0.2.66", 22, 6),
                         tcp("198.51.100.1", 7, 80)};
    const auto found = restore_flows(r, known, open, [&](const flow& f) { return f == open[1]; });
    BOOST_TEST((found.admitted == std::vector{known[0], open[1]}));
    BOOST_TEST((found.slipped_in == std::vector{open[4]}));
}

BOOST_AUTO_TEST_SUITE_END()

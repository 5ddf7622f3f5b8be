#include "client/checkup.hpp"

#include <boost/test/unit_test.hpp>
#include <ostream>

using namespace chronoknock;
using namespace std::chrono_literals;
using namespace chronoknock::client;

namespace {

address ip(std::string_view text) { return address::parse(text).value(); }

/// "ok: TEXT"; every wrong one has an advice, and no other but the unknown.
std::string read(const check& c) {
    BOOST_TEST(!(c.state == health::wrong && c.advice.empty()), c.text);
    BOOST_TEST(!(c.state == health::ok && !c.advice.empty()), c.text);
    return std::string(to_string(c.state)) + ": " + c.text;
}

knock_facts knocked() {
    knock_facts f;
    f.host = "h";
    f.source = f.target = ip("192.0.2.1");
    f.one_window = false;
    f.sent = 32;
    f.answered = 30;
    f.port = 22;
    f.before = f.after = port_state::silent;
    return f;
}

} // namespace

BOOST_AUTO_TEST_SUITE(checkup)

BOOST_AUTO_TEST_CASE(name_and_route) {
    BOOST_TEST(read(check_name("h", std::vector{ip("192.0.2.1"), ip("2001:db8::1")})) ==
               "ok: h: 192.0.2.1, 2001:db8::1");
    BOOST_TEST(read(check_name("h", std::vector<address>{})) == "wrong: h: no address of the wanted family");
    BOOST_TEST(read(check_name("h", error{"h: unknown"})) == "wrong: h: unknown");
    BOOST_TEST(read(check_route(ip("192.0.2.1"), ip("192.0.2.7"))) == "ok: to 192.0.2.1 from 192.0.2.7");
    BOOST_TEST(read(check_route(ip("192.0.2.1"), error{"no route"})) == "wrong: no route");
}

BOOST_AUTO_TEST_CASE(own_address) {
    address_facts f{ip("192.0.2.1"), ip("198.51.100.7")};
    BOOST_TEST(read(check_address(f)) == "ok: 198.51.100.7, which no router seems to replace");
    f.source = ip("10.0.0.7");
    BOOST_TEST(read(check_address(f)) == "wrong: 10.0.0.7, which a router replaces");
    f.stun = ip("198.51.100.9");
    BOOST_TEST(read(check_address(f)) == "ok: 198.51.100.9, as STUN says, in place of 10.0.0.7");
    f.stun_alone = true;
    BOOST_TEST(read(check_address(f)) == "ok: 198.51.100.9, as STUN says, in place of 10.0.0.7; it is one "
                                         "server's word alone, which a second one would have to confirm");
    f.stun = error{"no address from STUN: s: no answer"};
    BOOST_TEST(read(check_address(f)) == "wrong: no address from STUN: s: no answer");
    f.given = ip("198.51.100.8");
    BOOST_TEST(read(check_address(f)) == "ok: 198.51.100.8, as given");
    f.heeds_address = false;
    BOOST_TEST(read(check_address(f)) == "ok: any: the key's knocks are for none in particular");
    BOOST_TEST(read(check_address({ip("10.1.0.1"), ip("10.0.0.7")})) ==
               "ok: 10.0.0.7, which no router seems to replace");
}

BOOST_AUTO_TEST_CASE(clock) {
    BOOST_TEST(read(check_clock(time_source::none, {}, 0)) ==
               "ok: not needed: the key's knocks have no time");
    BOOST_TEST(read(check_clock(time_source::vouched, {}, 10)).starts_with("ok: the system clock"));
    BOOST_TEST(read(check_clock(time_source::unvouched, {}, 10)).starts_with("unknown: the system clock"));
    BOOST_TEST(read(check_clock(time_source::servers, error{"no time"}, 10)) == "wrong: no time");
    BOOST_TEST(read(check_clock(time_source::servers, clock_fix{-100s, 3ms}, 10)) ==
               "ok: time servers say -100.0 s to the system clock, give or take 3 ms");
    BOOST_TEST(read(check_clock(time_source::servers, clock_fix{1500us, 5s}, 10)) ==
               "ok: time servers say +1.5 ms to the system clock, give or take 5.0 s");
    BOOST_TEST(read(check_clock(time_source::servers, clock_fix{1500us, 5001ms}, 10)).starts_with("wrong: "));
}

BOOST_AUTO_TEST_CASE(key_and_window) {
    BOOST_TEST(read(check_key({boost::system::in_place_value, "static key"})) == "ok: static key");
    BOOST_TEST(read(check_key(error{"k: not there"})) == "wrong: k: not there");
    BOOST_TEST(read(check_window({}, 0)) == "ok: none: the key's knocks do not wait for one");
    BOOST_TEST(read(check_window(turn{100, 0s}, 10)) == "ok: the present one of 10 s has not been used");
    BOOST_TEST(read(check_window(turn{110, 4200ms}, 10)) ==
               "ok: the present one of 10 s has been used; the next begins in 4.2 s");
}

BOOST_AUTO_TEST_CASE(door_and_knock) {
    BOOST_TEST(read(check_door(0, port_state::untried)) ==
               "unknown: no port was tried: --wait PORT names one");
    BOOST_TEST(read(check_door(22, port_state::silent)) == "ok: port 22 is shut: it keeps silent");
    BOOST_TEST(read(check_door(22, port_state::refused)).starts_with("ok: port 22 is shut: it answers"));
    BOOST_TEST(read(check_door(22, port_state::open)) == "ok: port 22 is open already");

    auto f = knocked();
    BOOST_TEST(read(check_knock(f)) == "ok: 32 packets sent, 30 answered: they arrived");
    f.answered = 0;
    BOOST_TEST(read(check_knock(f)) ==
               "unknown: 32 packets sent, none answered: the host keeps silent, or is not there");
    f.obstacle = "No route to host";
    BOOST_TEST(read(check_knock(f)) == "wrong: 32 packets sent, none answered: No route to host");
    f.hears_answers = false;
    BOOST_TEST(read(check_knock(f)) == "ok: 32 packets sent; no answers to hear");
}

BOOST_AUTO_TEST_CASE(opening) {
    auto f = knocked();
    BOOST_TEST(read(check_opening(f, 2ms)) == "ok: port 22 open 2 ms after the knock");
    BOOST_TEST(read(check_opening(f, {})).starts_with("wrong: port 22 did not open: h is there (30 of 32"));
    f.before = port_state::open;
    BOOST_TEST(read(check_opening(f, {})) == "unknown: no knock was needed, so none was sent");
    f.port = 0;
    f.before = f.after = port_state::untried;
    BOOST_TEST(read(check_opening(f, {})).starts_with("unknown: no port was tried"));
}

BOOST_AUTO_TEST_SUITE_END()

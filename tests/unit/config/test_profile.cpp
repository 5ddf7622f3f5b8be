#include "config/profile.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

using namespace chronoknock;
using namespace std::chrono_literals;
using config::parse_profiles;

namespace {

struct sample {
    const char* text;
    const char* message;
};

std::ostream& operator<<(std::ostream& out, const sample& s) { return out << s.text; }

/// Fields that stand in line 4 of a profile.
constexpr sample unfit_fields[] = {
    {"service = 1",
     "4: [profile.home] service: expected the name of a service, or ports like tcp/22, not '1'"},
    {"time_servers =", "4: [profile.home] time_servers: expected at least one server"},
    {"time_servers = none, a",
     "4: [profile.home] time_servers: expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not "
     "'none'"},
    {"nts_ca =", "4: [profile.home] nts_ca: expected a path"},
    {"require_nts = 1", "4: [profile.home] require_nts: expected true or false, not '1'"},
    {"source = home", "4: [profile.home] source: expected an IPv4 or IPv6 address, not 'home'"},
    {"stun =", "4: [profile.home] stun: expected at least one server"},
    {"stun = a, b:0", "4: [profile.home] stun: expected HOST[:PORT], not 'b:0'"},
    {"stun = nts://a", "4: [profile.home] stun: expected HOST[:PORT], not 'nts://a'"},
    {"stun = a, a:3478", "4: [profile.home] stun: expected each server once, not 'a:3478' twice"},
    {"stun = a, b, c, d, e", "4: [profile.home] stun: expected at most 4 servers"},
    {"rounds = 0", "4: [profile.home] rounds: expected a whole number from 1 to 64, not '0'"},
    {"gap = 6s",
     "4: [profile.home] gap: expected a duration from 0s to 5s (30, 500ms, 30s, 5m, 1h), not '6s'"},
    {"wait = 0", "4: [profile.home] wait: expected a whole number from 1 to 65535, not '0'"},
    {"wait_limit = 0",
     "4: [profile.home] wait_limit: expected a duration from 100ms to 3600s (30, 500ms, 30s, 5m, "
     "1h), not '0'"},
    {"allow_loose_permissions = no",
     "4: [profile.home] allow_loose_permissions: expected true or false, not 'no'"},
    {"host = a", "4: [profile.home] host: stands twice"},
    {"port = 1",
     "4: [profile.home] port: unknown field; expected one of host, key, service, time_servers, nts_ca, "
     "require_nts, source, stun, rounds, gap, wait, wait_limit, allow_loose_permissions"},
    {"[home]", "4: expected nothing outside sections [profile.NAME]"},
    {"[profile.]", "4: expected nothing outside sections [profile.NAME]"},
    {"[profile.a]\nkey = k", "4: [profile.a] host: expected, and missing"},
    {"[profile.a]\nhost = h", "4: [profile.a] key: expected, and missing"},
    {"[profile.a]\nhost = a b", "5: [profile.a] host: expected the name or address of a host, not 'a b'"},
};

} // namespace

BOOST_AUTO_TEST_CASE(profile_has_stun_servers_of_any_form) {
    const auto read = [](const std::string& text) {
        return parse_profiles("[profile.home]\nhost = h\nkey = k\nstun = " + text + "\n", "c.ini")
            .value()
            .front()
            .stun;
    };
    const auto all = read("a.example, b.example:99, 192.0.2.1, 2001:db8::1");
    BOOST_REQUIRE(all.size() == 4u);
    BOOST_TEST(all[0].where.port == 3478);
    BOOST_TEST(all[0].to_string() == "a.example");
    BOOST_TEST(all[1].to_string() == "b.example:99");
    BOOST_TEST(all[3].where.host == "2001:db8::1");
    BOOST_TEST(read("[2001:db8::1]:99").front().to_string() == "[2001:db8::1]:99");
    BOOST_TEST(read("none").empty());
}

BOOST_AUTO_TEST_CASE(profile_asks_for_a_service_or_for_ports) {
    for (const std::string service : {"", "ssh", "tcp/22", "tcp/22,udp/53"}) {
        const auto p =
            parse_profiles("[profile.home]\nhost = h\nkey = k\nservice = " + service + "\n", "c.ini");
        BOOST_REQUIRE(p.has_value());
        BOOST_TEST(p->front().service == service);
    }
}

BOOST_DATA_TEST_CASE(unfit_profile, boost::unit_test::data::make(unfit_fields)) {
    const auto p =
        parse_profiles("[profile.home]\nhost = h\nkey = k\n" + std::string(sample.text) + "\n", "c.ini");
    BOOST_REQUIRE(!p.has_value());
    BOOST_TEST(p.error().text == std::string("c.ini:") + sample.message);
}

BOOST_AUTO_TEST_CASE(stray_field) {
    BOOST_TEST(parse_profiles("host = a\n", "c.ini").error().text ==
               "c.ini:1: expected nothing outside sections [profile.NAME]");
}

BOOST_AUTO_TEST_CASE(profiles) {
    const auto read = parse_profiles(R"(
[profile.home]
host = home.example
key = home.key
[profile.work]
host = 2001:db8::1
key = /k
service = ssh
time_servers = a, nts://b
nts_ca = ca.pem
require_nts = true
source = 203.0.113.5
rounds = 3
gap = 5ms
wait = 22
wait_limit = 1m
allow_loose_permissions = true
[profile.lab]
host = h
key = k
time_servers = none
)",
                                     "/home/u/.config/c.ini");
    BOOST_REQUIRE_MESSAGE(read.has_value(), read.error().text);
    BOOST_REQUIRE(read->size() == 3u);

    config::profile home;
    home.name = "home";
    home.host = "home.example";
    home.key = "/home/u/.config/home.key";
    BOOST_TEST((read->at(0) == home));

    const auto& work = read->at(1);
    BOOST_TEST(work.host == "2001:db8::1");
    BOOST_TEST(work.key == "/k");
    BOOST_TEST(work.service == "ssh");
    BOOST_TEST(work.time_servers->at(1).to_string() == "nts://b");
    BOOST_TEST(work.nts_ca == "/home/u/.config/ca.pem");
    BOOST_TEST(work.require_nts);
    BOOST_TEST(work.source->to_string() == "203.0.113.5");
    BOOST_TEST(work.rounds == 3u);
    BOOST_TEST((work.gap == 5ms));
    BOOST_TEST(work.wait == 22);
    BOOST_TEST((work.wait_limit == 1min));
    BOOST_TEST(work.allow_loose_permissions);

    BOOST_TEST(read->at(2).time_servers->empty());
}

BOOST_AUTO_TEST_CASE(one_field_from_a_command_line) {
    config::profile p;
    BOOST_TEST(set_profile_field(p, "gap", "7ms").has_value());
    BOOST_TEST((p.gap == 7ms));
    BOOST_TEST(set_profile_field(p, "key", "k").has_value());
    BOOST_TEST(p.key == "k");
    BOOST_TEST(set_profile_field(p, "colour", "red").error().text == "unknown field");
}

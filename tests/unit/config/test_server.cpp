// Configurations that are fit: defaults, every field, and many keys.
#include "server_lab.hpp"

#include <chrono>
#include <map>

using namespace chronoknock;
using namespace chronoknock::config_lab;
using namespace std::chrono_literals;
using config::parse_server;

BOOST_AUTO_TEST_CASE(a_log_instead_of_interfaces) {
    const auto read = [](const std::string& capture) {
        const auto s = parse_server(minimal + "[capture]\n" + capture, "/etc/c.ini", load);
        BOOST_REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().text));
        return *s;
    };
    const auto none = read("log =\npattern =\n");
    BOOST_TEST(none.log.file.empty());
    BOOST_TEST(!none.log.format);
    const auto by_default = read("log = log/kern.log\ninterface = any\n");
    BOOST_TEST(by_default.log.file == "/etc/log/kern.log");
    BOOST_REQUIRE(by_default.log.format);
    BOOST_TEST(by_default.log.format->anchored());
    const auto own = read("log = /a\npattern = (?P<src>.) (?P<dst>.) (?P<dpt>.)\n");
    BOOST_TEST(own.log.file == "/a");
    BOOST_REQUIRE(own.log.format);
    BOOST_TEST(!own.log.format->anchored());
    BOOST_TEST((own.log != by_default.log));
    BOOST_TEST((own.log == read("pattern = (?P<src>.) (?P<dst>.) (?P<dpt>.)\nlog = /a\n").log));
    const auto groups = read("interface = nflog:0, eth0, nflog:65535\n");
    BOOST_TEST(groups.interfaces == (std::vector<std::string>{"nflog:0", "eth0", "nflog:65535"}));
}

BOOST_AUTO_TEST_CASE(defaults_are_those_of_the_manual) {
    const auto s = parse_server(minimal, "/etc/c.ini", load);
    BOOST_REQUIRE(s.has_value());
    BOOST_TEST(s->state == "/var/lib/chronoknock/state.db");
    BOOST_TEST(s->control == "/run/chronoknock/control.sock");
    BOOST_TEST(s->interfaces == std::vector<std::string>{"any"});
    BOOST_TEST(s->time.servers.empty());
    BOOST_TEST((s->time.interval == 64s));
    BOOST_TEST((s->time.local_interval == 8s));
    BOOST_TEST(s->time.require);
    BOOST_TEST((s->time.max_error == 5s));
    BOOST_TEST((s->knock.mode == config::matching::set));
    BOOST_TEST(s->knock.memory == 256u);
    BOOST_TEST((s->knock.timeout == 10s));
    BOOST_TEST(s->knock.tracked == 65536u);
    BOOST_TEST(s->firewall.backend == "nftables");
    BOOST_TEST((s->firewall.unauthorized == firewall::unauthorized::drop));
    BOOST_TEST(s->firewall.always_allow.empty());
    BOOST_TEST((s->firewall.on_stop == config::on_stop::keep));
    BOOST_TEST((s->services.front().open_for == 30s));
    BOOST_TEST(s->services.front().uses == 0u);
    BOOST_TEST((s->keys.front().knock_delay == 0s));
    BOOST_TEST(!s->keys.front().allow_weak);
}

BOOST_AUTO_TEST_CASE(every_field_is_read) {
    const auto s = parse_server(R"(
[key.alice]                      # keys may stand before the services they name
file = keys/a.key
services = dns, ssh
mode = set
knock_delay = 20
allow_weak = true
max_grants = 7
prefix4 = 24
prefix6 = 64
[key.17@home]
file = /keys/b.key
services = ssh
[server]
state = state.db
control = /run/c.sock
[capture]
interface = eth0, wg0
[time]
servers = ntp1.example, 192.0.2.1:1123, nts://ntp3.example, [2001:db8::1]:123, 2001:db8::2
interval = 5m
require = false
max_error = 500ms
require_nts = true
nts_ca = ca.pem
max_step = 2s
[knock]
mode = strict
memory = 64
timeout = 5s
tracked = 1000
[firewall]
backend = nftables
unauthorized = reset
always_allow = 192.0.2.0/24, 2001:db8::/32
on_stop = remove
[service.ssh]
ports = tcp/22
open_for = 1h
uses = 1
[service.dns]
ports = udp/53, tcp/53, tcp/8000-8010
)",
                                "/etc/chronoknock/server.ini", load);
    BOOST_REQUIRE_MESSAGE(s.has_value(), s.error().text);
    BOOST_TEST(s->state == "/etc/chronoknock/state.db");
    BOOST_TEST(s->control == "/run/c.sock");
    BOOST_TEST((s->interfaces == std::vector<std::string>{"eth0", "wg0"}));
    std::string servers;
    for (const auto& t : s->time.servers) servers += t.to_string() + " ";
    BOOST_TEST(servers == "ntp1.example 192.0.2.1:1123 nts://ntp3.example 2001:db8::1 2001:db8::2 ");
    BOOST_TEST((s->time.interval == 5min));
    BOOST_TEST((s->time.local_interval == 5min)); // not more often than asked for
    BOOST_TEST(!s->time.require);
    BOOST_TEST((s->time.max_error == 500ms));
    BOOST_TEST(s->time.require_nts);
    BOOST_TEST(s->time.ca_file == "/etc/chronoknock/ca.pem");
    BOOST_TEST((s->time.max_step == 2s));
    BOOST_TEST((s->knock == config::knock_settings{config::matching::strict, 64, 5s, 1000}));
    BOOST_TEST((s->firewall.unauthorized == firewall::unauthorized::reset));
    BOOST_REQUIRE(s->firewall.always_allow.size() == 2u);
    BOOST_TEST(s->firewall.always_allow[1].to_string() == "2001:db8::/32");
    BOOST_TEST((s->firewall.on_stop == config::on_stop::remove));
    BOOST_REQUIRE(s->services.size() == 2u);
    BOOST_TEST(s->services[0].name == "ssh");
    BOOST_TEST((s->services[0].open_for == 1h));
    BOOST_TEST(s->services[0].uses == 1u);
    BOOST_TEST(s->services[1].ports.size() == 3u);
    BOOST_REQUIRE(s->keys.size() == 2u);
    BOOST_TEST(s->keys[0].name == "alice");
    BOOST_TEST(s->keys[0].file == "/etc/chronoknock/keys/a.key");
    BOOST_TEST((s->keys[0].services == std::vector<std::size_t>{1, 0}));
    BOOST_TEST((s->keys[0].knock_delay == 20s));
    BOOST_TEST(s->keys[0].allow_weak);
    BOOST_TEST(s->keys[0].max_grants == 7u);
    BOOST_TEST(s->keys[1].max_grants == 0u);
    BOOST_TEST((s->keys[0].prefix4 == 24 && s->keys[0].prefix6 == 64));
    BOOST_TEST((s->keys[1].prefix4 == 32 && s->keys[1].prefix6 == 128));
    for (const auto& one : s->services) // both are alice's
        BOOST_TEST(
            (one.prefixes4 == std::set<std::uint8_t>{24} && one.prefixes6 == std::set<std::uint8_t>{64}));
    BOOST_TEST(!s->services[0].until_idle);
    BOOST_TEST(s->keys[1].name == "17@home");
}

BOOST_AUTO_TEST_CASE(ten_thousand_keys_are_read_at_once) {
    std::string text = "[service.ssh]\nports = tcp/22\n";
    for (int i = 0; i < 10000; ++i) {
        const auto n = std::to_string(i);
        text += "[key." + n + "]\nfile = " + n + "\nservices = ssh\n";
    }
    const auto began = std::chrono::steady_clock::now();
    const auto s = parse_server(text, "c.ini", load);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    BOOST_REQUIRE_MESSAGE(s.has_value(), s.error().text);
    BOOST_TEST(s->keys.size() == 10000u);
    BOOST_TEST(s->keys.back().name == "9999");
    // 0.1 s as it is, sanitizers and all; a search through all the sections for each takes many times longer
    BOOST_TEST(took.count() < 2.0);
}

BOOST_AUTO_TEST_CASE(paths_are_read_from_a_text_that_is_no_configuration) {
    const auto of = [](std::string_view text) {
        const auto p = config::paths_of(text, "/etc/c.ini");
        return p.state + " " + p.control;
    };
    const std::string by_default = "/var/lib/chronoknock/state.db /run/chronoknock/control.sock";
    BOOST_TEST(of("") == by_default);
    BOOST_TEST(of("[server]\nstate = /a/s # here\ncontrol = b/c\n[knock]\nmode = x") == "/a/s /etc/b/c");
    BOOST_TEST(of("[server\ncontrol = /a\n[server]\nnoise\nstate =\ncontrol =\n") == by_default);
    BOOST_TEST(of("[service.a]\ncontrol = /a\nstate = /b") == by_default);
}

#include "config/server.hpp"
#include "method/static/key.hpp"
#include "method/time_sequence/credential.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <map>
#include <ostream>

using namespace chronoknock;
using namespace std::chrono_literals;
using config::parse_server;

namespace {

/// Keys by path; each has a secret of its own, made from its path.
key::psk psk_at(const std::string& path) {
    key::psk k;
    k.secret.assign(16, 0);
    std::copy_n(path.begin(), std::min<std::size_t>(path.size(), 16), k.secret.begin());
    if (path == "/keys/copy.key") k.secret = psk_at("/keys/a.key").secret;
    if (path == "/keys/timeless.key") k.ignore_time = true;
    if (path == "/keys/long.key") k.length = 64;
    return k;
}

result<key::credential_ptr> load(const std::string& path) {
    if (path == "/keys/none.key") return error{path + ": cannot open: No such file or directory"};
    if (path == "/keys/fixed.key") return fixed::read_sequences("7000, 8000, 9000; 7001, 8001, 9001");
    return key::credential_ptr(std::make_shared<time_sequence::credential>(psk_at(path)));
}

const std::string minimal =
    "[service.ssh]\nports = tcp/22\n[key.alice]\nfile = /keys/a.key\nservices = ssh\n";

std::string complaint(const std::string& text) {
    const auto s = parse_server(text, "/etc/c.ini", load);
    return s ? "accepted" : s.error().text;
}

// Literals: a hundred strings to make and unmake keep a sanitizing compiler busy for minutes.
struct sample {
    const char* text;
    const char* message;
};

std::ostream& operator<<(std::ostream& out, const sample& s) { return out << s.text; }

/// Fields that stand in lines 6 and 7, behind a configuration that is fit.
constexpr sample unfit_fields[] = {
    {"[server]\nstate =", "7: [server] state: expected a path"},
    {"[server]\ncontrol =", "7: [server] control: expected a path"},
    {"[server]\nstat = /a", "7: [server] stat: unknown field; expected one of state, control, control_group"},
    {"[capture]\ninterface =", "7: [capture] interface: expected at least one interface"},
    {"[capture]\ninterface = eth0,eth0",
     "7: [capture] interface: expected each interface once, not 'eth0' twice"},
    {"[capture]\ninterface = eth0, any",
     "7: [capture] interface: expected any alone, or a list of interfaces"},
    {"[capture]\ninterface = a/b",
     "7: [capture] interface: expected any, names of interfaces or nflog:GROUP, not 'a/b'"},
    {"[capture]\ninterface = a name",
     "7: [capture] interface: expected any, names of interfaces or nflog:GROUP, not 'a name'"},
    {"[capture]\ninterface = sixteen.letters.",
     "7: [capture] interface: expected any, names of interfaces or nflog:GROUP, not 'sixteen.letters.'"},
    {"[capture]\nport = 1",
     "7: [capture] port: unknown field; expected one of interface, also_for, log, pattern"},
    {"[capture]\ninterface = nflog:65536",
     "7: [capture] interface: expected any, names of interfaces or nflog:GROUP, not 'nflog:65536'"},
    {"[capture]\ninterface = nflog:",
     "7: [capture] interface: expected any, names of interfaces or nflog:GROUP, not 'nflog:'"},
    {"[capture]\nlog = a\ninterface = eth0",
     "8: [capture] interface: expected none beside log: a log is read instead of capturing"},
    {"[capture]\npattern = a", "7: [capture] pattern: expected log = FILE beside it, whose lines it is for"},
    {"[capture]\nlog = a\npattern = (",
     "8: [capture] pattern: expected a regular expression as RE2 takes it: "
     "missing ): ("},
    {"[capture]\nlog = a\npattern = (?P<src>a)(?P<dst>b)",
     "8: [capture] pattern: expected a group (?P<dpt>...)"},
    {"[time]\nservers = a, a", "7: [time] servers: expected each server once, not 'a' twice"},
    {"[time]\nservers = none",
     "7: [time] servers: expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not 'none'"},
    {"[time]\nservers = a,,b",
     "7: [time] servers: expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not ''"},
    {"[time]\ninterval = 0",
     "7: [time] interval: expected a duration from 1s to 86400s (30, 500ms, 30s, 5m, 1h), "
     "not '0'"},
    {"[time]\ninterval = 64x",
     "7: [time] interval: expected a duration from 1s to 86400s (30, 500ms, 30s, 5m, "
     "1h), not '64x'"},
    {"[time]\nrequire = yes", "7: [time] require: expected true or false, not 'yes'"},
    {"[time]\nmax_error = 0",
     "7: [time] max_error: expected a duration from 1ms to 3600s (30, 500ms, 30s, 5m, "
     "1h), not '0'"},
    {"[time]\nmax_step = 2h",
     "7: [time] max_step: expected a duration from 1ms to 3600s (30, 500ms, 30s, 5m, 1h), "
     "not '2h'"},
    {"[time]\nrequire_nts = 1", "7: [time] require_nts: expected true or false, not '1'"},
    {"[time]\nrequire_nts = true", "7: [time] require_nts: expected a server nts://HOST in servers"},
    {"[time]\nnts_ca =", "7: [time] nts_ca: expected a path"},
    {"[time]\nserver = a",
     "7: [time] server: unknown field; expected one of servers, interval, local_interval, require, "
     "max_error, require_nts, nts_ca, max_step, first_fix_unchecked"},
    {"[knock]\nmode = loose", "7: [knock] mode: expected set or strict, not 'loose'"},
    {"[knock]\nmemory = 1", "7: [knock] memory: expected a whole number from 2 to 4096, not '1'"},
    {"[knock]\nmemory = 4097", "7: [knock] memory: expected a whole number from 2 to 4096, not '4097'"},
    {"[knock]\nmemory = 8",
     "7: [knock] memory: expected at least 16, the length of a sequence of [key.alice]"},
    {"[knock]\ntimeout = 99ms",
     "7: [knock] timeout: expected a duration from 100ms to 3600s (30, 500ms, 30s, 5m, "
     "1h), not '99ms'"},
    {"[knock]\ntimeout = -1",
     "7: [knock] timeout: expected a duration from 100ms to 3600s (30, 500ms, 30s, 5m, "
     "1h), not '-1'"},
    {"[knock]\ntracked = 0", "7: [knock] tracked: expected a whole number from 1 to 16777216, not '0'"},
    {"[knock]\ntracked = 16777216",
     "7: [knock] tracked: expected tracked times (memory + 80) to be at most 134217728"},
    {"[knock]\nmode = set\nmode = set", "8: [knock] mode: stands twice"},
    {"[knock]\nmodes = set",
     "7: [knock] modes: unknown field; expected one of mode, memory, timeout, tracked"},
    {"[firewall]\nbackend = ipfw", "7: [firewall] backend: expected nftables, not 'ipfw'"},
    {"[firewall]\nunauthorized = accept", "7: [firewall] unauthorized: expected drop or reset, not 'accept'"},
    {"[firewall]\nalways_allow = 192.0.2.1/24",
     "7: [firewall] always_allow: expected zeros beyond the prefix length in '192.0.2.1/24'"},
    {"[firewall]\nalways_allow = 192.0.2.0/33",
     "7: [firewall] always_allow: prefix length: expected a whole number from 0 to 32, not '33'"},
    {"[firewall]\nalways_allow = home",
     "7: [firewall] always_allow: expected an IPv4 or IPv6 address, not 'home'"},
    {"[firewall]\non_stop = open", "7: [firewall] on_stop: expected keep or remove, not 'open'"},
    {"[firewall]\nallow = ::", "7: [firewall] allow: unknown field; expected one of backend, unauthorized, "
                               "always_allow, on_stop"},
    {"[service.web]\nopen_for = 1", "6: [service.web] ports: expected, and missing"},
    {"[service.web]\nports =", "7: [service.web] ports: expected at least one port like tcp/22"},
    {"[service.web]\nports = 80", "7: [service.web] ports: expected tcp/PORT, udp/PORT or a range like "
                                  "tcp/1000-1010, not '80'"},
    {"[service.web]\nports = tcp/0",
     "7: [service.web] ports: port: expected a whole number from 1 to 65535, not 0"},
    {"[service.web]\nports = tcp/80, tcp/70-90",
     "7: [service.web] ports: expected each port once; tcp/80 and tcp/70-90 overlap"},
    {"[service.web]\nports = udp/22, tcp/20-22",
     "7: [service.web] ports: expected ports of no other service; [service.ssh] has tcp/22"},
    {"[service.web]\nports = tcp/80\nopen_for = 0", "8: [service.web] open_for: expected a duration from "
                                                    "100ms to 2592000s (30, 500ms, 30s, 5m, 1h), not '0'"},
    {"[service.web]\nports = tcp/80\nuses = -1",
     "8: [service.web] uses: expected a whole number from 0 to 15000, not '-1'"},
    {"[service.web]\nport = tcp/80",
     "7: [service.web] port: unknown field; expected one of ports, open_for, max_open_for, uses"},
    {"[service.]", "6: [service.] expected a name of 1 to 32 of a-z A-Z 0-9 _ -, a letter first"},
    {"[service.a b]", "6: [service.a b] expected a name of 1 to 32 of a-z A-Z 0-9 _ -, a letter first"},
    {"[service.ssh]", "6: section [service.ssh] stands twice"},
    {"[key.bob]\nservices = ssh", "6: [key.bob] file: expected, and missing"},
    {"[key.bob]\nfile = /keys/b.key", "6: [key.bob] services: expected, and missing"},
    {"[key.bob]\nfile =\nservices = ssh", "7: [key.bob] file: expected a path"},
    {"[key.bob]\nfile = /keys/none.key\nservices = ssh",
     "7: [key.bob] file: /keys/none.key: cannot open: No such file or directory"},
    {"[key.bob]\nfile = /keys/copy.key\nservices = ssh",
     "7: [key.bob] file: expected a key of its own, and [key.alice] has the same secret"},
    {"[key.bob]\nfile = /keys/timeless.key\nservices = ssh",
     "7: [key.bob] file: expected a key whose knocks change with the time, or allow_weak = true: one that "
     "never changes can be replayed for ever"},
    {"[key.bob]\nfile = /keys/b.key\nservices =", "8: [key.bob] services: expected at least one service"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh,ssh",
     "8: [key.bob] services: expected each service once, not 'ssh' twice"},
    {"[key.bob]\nfile = /keys/b.key\nservices = web",
     "8: [key.bob] services: expected names of services, and there is no [service.web]"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh;web",
     "8: [key.bob] services: expected names of services, not 'ssh;web'"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\nknock_delay = 25h",
     "9: [key.bob] knock_delay: expected a duration from 0s to 86400s (30, 500ms, 30s, 5m, 1h), not '25h'"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\nallow_weak = 1",
     "9: [key.bob] allow_weak: expected true or false, not '1'"},
    {"[key.bob]\npath = /k",
     "7: [key.bob] path: unknown field; expected one of file, services, mode, knock_delay, "
     "for_others, allow_weak"},
    {"[key.]", "6: [key.] expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @"},
    {"[key.a/b]", "6: [key.a/b] expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @"},
    {"[keys]", "6: [keys] unknown section; expected server, capture, time, knock, firewall, service.NAME or "
               "key.NAME"},
    {"[time", "6: expected [section]"},
    {"file", "6: expected name = value"},
};

} // namespace

BOOST_DATA_TEST_CASE(unfit_field, boost::unit_test::data::make(unfit_fields)) {
    BOOST_TEST(complaint(minimal + sample.text + "\n") == std::string("/etc/c.ini:") + sample.message);
}

BOOST_AUTO_TEST_CASE(socket_path_must_fit_its_structure) {
    const auto control = [](std::size_t bytes) {
        return complaint(minimal + "[server]\ncontrol = /" + std::string(bytes - 1, 'a') + "\n");
    };
    BOOST_TEST(control(107) == "accepted");
    BOOST_TEST(control(108) == "/etc/c.ini:7: [server] control: expected a path of at most 107 bytes");
}

BOOST_AUTO_TEST_CASE(something_to_guard_and_someone_to_let_in) {
    BOOST_TEST(complaint("") == "/etc/c.ini: expected at least one section [service.NAME]");
    BOOST_TEST(complaint("[service.ssh]\nports = tcp/22\n") ==
               "/etc/c.ini: expected at least one section [key.NAME]: without one nobody gets in");
    BOOST_TEST(complaint("mode = set\n" + minimal) ==
               "/etc/c.ini:1: mode: expected a [section] before the first field");
    // without a section [knock] to point at
    BOOST_TEST(complaint(minimal + "[knock]\nmode = strict\nmemory = 2\n") == "accepted");
}

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
    BOOST_TEST(s->keys[1].name == "17@home");
}

BOOST_AUTO_TEST_CASE(memory_must_hold_the_longest_sequence_in_set_mode) {
    const std::string longer =
        minimal + "[key.l]\nfile = /keys/long.key\nservices = ssh\n[knock]\nmemory = 63\n";
    BOOST_TEST(complaint(longer) ==
               "/etc/c.ini:10: [knock] memory: expected at least 64, the length of a sequence of [key.l]");
    BOOST_TEST(complaint(longer + "mode = strict\n") == "accepted");
}

BOOST_AUTO_TEST_CASE(a_key_that_ignores_the_time_only_when_allowed) {
    BOOST_TEST(
        complaint(minimal + "[key.t]\nfile = /keys/timeless.key\nservices = ssh\nallow_weak = true\n") ==
        "accepted");
}

BOOST_AUTO_TEST_CASE(a_stranger_in_the_file_cannot_forge_a_line) {
    const auto text = complaint(minimal + "[knock]\nmode = \x1b[2Jset\n");
    BOOST_TEST(text == "/etc/c.ini:7: [knock] mode: expected set or strict, not '\\x1b[2Jset'");
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

BOOST_AUTO_TEST_CASE(time_server) {
    const auto text = [](std::string_view from) {
        const auto t = config::time_server::parse(from);
        return t ? t->host + " " + std::to_string(t->port) + (t->nts ? " nts" : "") + (t->pool ? " pool" : "")
                 : t.error().text;
    };
    BOOST_TEST(text("ntp.example") == "ntp.example 123");
    BOOST_TEST(text("ntp.example:1") == "ntp.example 1");
    BOOST_TEST(text("nts://ntp.example") == "ntp.example 4460 nts");
    BOOST_TEST(text("nts://[2001:db8::1]:4461") == "2001:db8::1 4461 nts");
    BOOST_TEST(text("pool:pool.example") == "pool.example 123 pool");
    BOOST_TEST(text("pool:pool.example:1") == "pool.example 1 pool");
    BOOST_TEST(text("pool") == "pool 123");
    BOOST_TEST(text("nts://2001:db8::1") == "2001:db8::1 4460 nts");
    for (const std::string wrong : {"",
                                    "none",
                                    "a:",
                                    "a:0",
                                    "a:65536",
                                    "a:b",
                                    "a:1:2",
                                    "a b",
                                    "-a",
                                    ".a",
                                    "a..b",
                                    "[::1",
                                    "[]",
                                    "[::1]x",
                                    "[::1]:",
                                    "[192.0.2.1]",
                                    "[a]:1",
                                    "http://a",
                                    "nts://",
                                    "a/b",
                                    "pool:",
                                    "pool:192.0.2.1",
                                    "pool:[::1]:123",
                                    "pool:nts://a"})
        BOOST_TEST(text(wrong) ==
                   "expected HOST[:PORT] or nts://HOST[:PORT] or pool:NAME[:PORT], not '" + wrong + "'");
    BOOST_TEST(text(std::string(254, 'a')).starts_with("expected HOST"));
    for (const std::string same :
         {"a", "a:1", "nts://a", "nts://[::1]:1", "::1", "[::1]:1", "pool:a", "pool:a:1"})
        BOOST_TEST(config::time_server::parse(same)->to_string() == same);
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

BOOST_AUTO_TEST_CASE(what_the_methods_remember_is_counted_together) {
    const auto with = [](int tracked) {
        return minimal + "[key.bob]\nfile = /keys/fixed.key\nservices = ssh\n[knock]\ntracked = " +
               std::to_string(tracked) + "\n";
    };
    BOOST_TEST(complaint(with(199728)) == "accepted"); // 2^26 / 336
    BOOST_TEST(complaint(with(199729)) ==
               "/etc/c.ini:10: [knock] tracked: expected tracked times (memory + 80) "
               "to be at most 67108864, with keys of 2 methods");
    BOOST_TEST(complaint(minimal + "[knock]\ntracked = 399457\n") == "accepted");
}

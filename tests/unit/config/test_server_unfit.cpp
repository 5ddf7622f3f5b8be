// Configurations that are refused: the line says file, section, field and what was expected.
#include "server_lab.hpp"

#include <boost/test/data/test_case.hpp>
#include <ostream>

using namespace chronoknock;
using namespace chronoknock::config_lab;

namespace {

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
    {"[server]\nstat = /a",
     "7: [server] stat: unknown field; expected one of state, control, control_group, user, include"},
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
    {"[knock]\ntracked = 0", "7: [knock] tracked: expected a whole number from 1 to 4194304, not '0'"},
    {"[knock]\ntracked = 4194305",
     "7: [knock] tracked: expected a whole number from 1 to 4194304, not '4194305'"},
    {"[knock]\nmode = set\nmode = set", "8: [knock] mode: stands twice"},
    {"[knock]\nmodes = set",
     "7: [knock] modes: unknown field; expected one of mode, memory, timeout, tracked"},
    {"[firewall]\nbackend = ipfw",
     "7: [firewall] backend: expected nftables or nft-set or ipset or command or dry-run, not 'ipfw'"},
    {"[firewall]\nunauthorized = accept", "7: [firewall] unauthorized: expected drop or reset, not 'accept'"},
    {"[firewall]\nalways_allow = 192.0.2.1/24",
     "7: [firewall] always_allow: expected zeros beyond the prefix length in '192.0.2.1/24'"},
    {"[firewall]\nalways_allow = 192.0.2.0/33",
     "7: [firewall] always_allow: prefix length: expected a whole number from 0 to 32, not '33'"},
    {"[firewall]\nalways_allow = home",
     "7: [firewall] always_allow: expected an IPv4 or IPv6 address, not 'home'"},
    {"[firewall]\non_stop = open", "7: [firewall] on_stop: expected keep or remove, not 'open'"},
    {"[firewall]\nallow = ::", "7: [firewall] allow: unknown field; expected one of backend, unauthorized, "
                               "always_allow, on_stop, table, open, close, time_limit"},
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
     "7: [service.web] port: unknown field; expected one of ports, open_for, max_open_for, uses, until, "
     "set4, set6"},
    {"[service.]", "6: [service.] expected a name of 1 to 32 of a-z A-Z 0-9 _ -, a letter first"},
    {"[service.a b]", "6: [service.a b] expected a name of 1 to 32 of a-z A-Z 0-9 _ -, a letter first"},
    {"[service.ssh]", "6: section [service.ssh] stands twice"},
    {"[service.a]\nports = tcp/80\nuntil = sunset",
     "8: [service.a] until: expected time or idle, not 'sunset'"},
    {"[service.a]\nports = tcp/80\nuntil = idle\nuses = 2",
     "8: [service.a] until: expected time beside uses: a grant that is prolonged has all of them again"},
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
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\nmax_grants = 1001",
     "9: [key.bob] max_grants: expected a whole number from 0 to 1000, not '1001'"},
    {"[service.web]\nports = tcp/80\n[key.bob]\nfile = /keys/b.key\nservices = ssh, web\nmax_grants = 1",
     "11: [key.bob] max_grants: expected 0, or at least 2: so many grants does one knock ask for"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\npair = true",
     "9: [key.bob] pair: expected false: knocks of the method time-sequence name no address"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\nprefix4 = 8",
     "9: [key.bob] prefix4: expected a whole number from 16 to 32, not '8'"},
    {"[key.bob]\nfile = /keys/b.key\nservices = ssh\nprefix6 = 129",
     "9: [key.bob] prefix6: expected a whole number from 32 to 128, not '129'"},
    {"[key.bob]\npath = /k",
     "7: [key.bob] path: unknown field; expected one of file, services, mode, knock_delay, "
     "for_others, allow_weak, until, host, max_grants, pair, prefix4, prefix6, fleet"},
    {"[key.]", "6: [key.] expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @"},
    {"[key.a/b]", "6: [key.a/b] expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @"},
    {"[keys]", "6: [keys] unknown section; expected server, capture, time, knock, firewall, events, "
               "metrics, fleet, service.NAME or key.NAME"},
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

BOOST_AUTO_TEST_CASE(something_to_guard) {
    BOOST_TEST(complaint("") == "/etc/c.ini: expected at least one section [service.NAME]");
    BOOST_TEST(complaint("mode = set\n" + minimal) ==
               "/etc/c.ini:1: mode: expected a [section] before the first field");
    // without a section [knock] to point at
    BOOST_TEST(complaint(minimal + "[knock]\nmode = strict\nmemory = 2\n") == "accepted");
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

BOOST_AUTO_TEST_CASE(what_the_methods_remember_is_counted_together) {
    const auto with = [](int tracked) {
        return minimal + "[key.bob]\nfile = /keys/fixed.key\nservices = ssh\n[knock]\ntracked = " +
               std::to_string(tracked) + "\n";
    };
    BOOST_TEST(complaint(with(2097152)) == "accepted");
    BOOST_TEST(complaint(with(2097153)) ==
               "/etc/c.ini:10: [knock] tracked: expected at most 2097152 with keys of 2 methods");
    BOOST_TEST(complaint(minimal + "[knock]\ntracked = 4194304\n") == "accepted");
}

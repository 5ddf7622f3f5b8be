#include "config/import/knockd.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using config::importing::imported;

namespace {

result<std::string> no_file(const std::string& path) { return error{path + ": there is none"}; }

result<imported> read(std::string_view text, const config::importing::file_reader& other = no_file) {
    return config::importing::read_knockd(text, "k", 1'800'000'000, other);
}

std::string sections_of(const imported& i) { return i.configuration.substr(i.configuration.find("\n[")); }

using lines = std::vector<std::string>;

constexpr std::string_view accept = "iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT";

} // namespace

BOOST_AUTO_TEST_SUITE(import_knockd)

BOOST_AUTO_TEST_CASE(a_door_that_opens_and_closes_by_itself) {
    const auto made = read("[options]\n Interface = eth1\n[web server]\n"
                           " sequence = 2222:udp, 3333:TCP,4444\n tcpflags = syn,!ack\n"
                           " start_command = /sbin/iptables -I INPUT 1 -s %IP% -p tcp -m multiport "
                           "--dports 80,8000:8010 -m comment --comment 'knock knock' -j ACCEPT\n"
                           " cmd_timeout = 60\n stop_command = iptables -D INPUT -s %IP% -j ACCEPT\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(sections_of(*made) == "\n[capture]\ninterface = eth1\n"
                                     "\n[service.http]\nports = tcp/80\nopen_for = 60s\n"
                                     "\n[service.tcp-8000-8010]\nports = tcp/8000-8010\nopen_for = 60s\n"
                                     "\n[key.web-server]\nfile = keys/web-server.key\n"
                                     "services = http, tcp-8000-8010\nmode = strict\nallow_weak = true\n");
    BOOST_REQUIRE(made->keys.size() == 1u);
    BOOST_TEST(made->keys[0].name == "keys/web-server.key");
    BOOST_TEST(made->keys[0].text == "method = static\nsequence = udp/2222, 3333, 4444\n");
    BOOST_TEST(made->notes ==
                   (lines{"k:4: [web server] sequence: allow_weak = true is set for it: it never "
                          "changes, and whoever sees one knock can repeat it for ever; chronoknock "
                          "invite makes keys that do change"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_as_it_was_is_told_line_by_line) {
    const auto made =
        read("[options]\n UseSyslog\n[open]\n sequence = 7000,8000\n seq_timeout = 15\n"
             " command = iptables -A INPUT -s %IP% -i eth0 --dport 22 -j ACCEPT\n tcpflags = fin\n"
             " colour = red\n[close]\n sequence = 8000,7000\n"
             " command = iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT\n"
             "[knock_add]\n sequence = 1,2\n command = /usr/local/sbin/knock_add -i -f %IP%\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(
        made->notes ==
            (lines{"k:2: [options] usesyslog: not carried over: the log is standard error, which "
                   "systemd keeps in its journal",
                   "k:6: [open] command: the door stayed open until something closed it; here new "
                   "connections get in for 30s (open_for), and those that exist go on",
                   "k:6: [open] command: -i eth0 is not carried over: a grant holds on every interface "
                   "and address",
                   "k:6: [open] command: it names no protocol: tcp is taken",
                   "k:4: [open] sequence: allow_weak = true is set for it: it never changes, and whoever "
                   "sees one knock can repeat it for ever; chronoknock invite makes keys that do change",
                   "k:5: [open] seq_timeout: [knock] timeout is one for all keys: 10s, or the longest "
                   "of the file",
                   "k:7: [open] tcpflags: not carried over: knocks are SYNs without ACK, whatever other "
                   "flags these were",
                   "k:8: [open] colour: not carried over: knockd(1) does not know it",
                   "k:11: [close] command: the door is not carried over: it closes, and grants end by "
                   "themselves (open_for)",
                   "k:14: [knock_add] command: the door is not carried over: it runs knock_add, and only "
                   "rules of iptables that accept are understood"}),
        boost::test_tools::per_element());
    BOOST_TEST(made->configuration.find("\n[knock]\ntimeout = 15\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_time_sequences_are_a_pad) {
    const std::string text =
        "[a]\none_time_sequences = /pads/a\ncmd_timeout = 5\nstop_command =\nstart_command = " +
        std::string(accept) + "\n";
    const auto made = read(text, [](const std::string& path) {
        BOOST_TEST(path == "/pads/a");
        return result<std::string>(boost::system::in_place_value, "#1,2,3,4\n 5,6,7,8\n 9:udp,10,11,12\n"
                                                                  " 5,6,7,8\n nonsense\n");
    });
    BOOST_REQUIRE(made);
    BOOST_TEST(made->keys.at(0).text == "method = static\nsequence = 5, 6, 7, 8; udp/9, 10, 11, 12\n"
                                        "issued = 1800000000\n");
    BOOST_TEST(made->configuration.find("allow_weak") == std::string::npos);
    BOOST_TEST(made->notes == (lines{"/pads/a:4: [a] one_time_sequences: not carried over: it stands there "
                                     "twice, and is good once",
                                     "/pads/a:5: [a] one_time_sequences: not carried over: expected 2 to 64 "
                                     "ports like 7000, 8000:udp"}),
               boost::test_tools::per_element());
    BOOST_TEST(read(text).error().text ==
               "k: nothing of it can be carried over; k:2: [a] one_time_sequences: the "
               "door is not carried over: /pads/a: there is none");
}

BOOST_AUTO_TEST_CASE(short_sequences_of_a_pad_are_weak) {
    const auto made = read(
        "[a]\none_time_sequences = p\ncmd_timeout = 5\nstop_command =\ncommand = " + std::string(accept) +
            "\n",
        [](const std::string&) { return result<std::string>(boost::system::in_place_value, "1,2\n3,4\n"); });
    BOOST_REQUIRE(made);
    BOOST_TEST(made->configuration.find("allow_weak = true") != std::string::npos);
    BOOST_TEST(made->notes ==
                   (lines{"k:2: [a] one_time_sequences: allow_weak = true is set for it: sequences "
                          "of fewer than 4 ports can be found by trying"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(doors_that_share_a_port_or_a_sequence) {
    const std::string open = "command = " + std::string(accept) + "\n";
    const auto made = read("[a]\nsequence = 1,2\n" + open +
                           "[b]\nsequence = 3,4\ncmd_timeout = 90\n"
                           "stop_command = iptables -D INPUT -j ACCEPT\n" +
                           open + "[a]\nsequence = 5,6\n" + open +
                           "[c]\nsequence = 1:tcp, 2\n"
                           "command = iptables -A INPUT -s %IP% -p udp --dport 22 -j ACCEPT\n");
    BOOST_REQUIRE(made);
    BOOST_TEST(sections_of(*made) == "\n[service.ssh]\nports = tcp/22\nopen_for = 90s\n"
                                     "\n[service.udp-22]\nports = udp/22\nopen_for = 30s\n"
                                     "\n[key.a]\nfile = keys/a.key\nservices = ssh, udp-22\nmode = strict\n"
                                     "allow_weak = true\n"
                                     "\n[key.b]\nfile = keys/b.key\nservices = ssh\nmode = strict\n"
                                     "allow_weak = true\n"
                                     "\n[key.a-2]\nfile = keys/a-2.key\nservices = ssh\nmode = strict\n"
                                     "allow_weak = true\n");
}

BOOST_AUTO_TEST_CASE(commands_that_are_not_understood) {
    for (const auto* command :
         {"", "iptables", "iptables -A", "iptables -A INPUT -s %IP% -p tcp --dport 22 -j DROP",
          "iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
          "iptables -A INPUT -s 192.0.2.1 -p tcp --dport 22 -j ACCEPT",
          "iptables -A INPUT -s %IP% -p tcp --syn -j ACCEPT",
          "iptables -A INPUT -s %IP% -p icmp --dport 22 -j ACCEPT",
          "iptables -A INPUT ! -s %IP% -p tcp --dport 22 -j ACCEPT",
          "iptables -A FORWARD -s %IP% -p tcp --dport 22 -j ACCEPT",
          "iptables -A INPUT -s %IP% -p tcp --dport 22:21 -j ACCEPT",
          "iptables -A INPUT -s %IP% -p tcp --dport 0 -j ACCEPT",
          "iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT; touch /tmp/x",
          "iptables -A INPUT -s %IP% -p tcp --dport $(id -u) -j ACCEPT",
          "iptables -A INPUT -s %IP% -p tcp --dport 22 -j 'ACCEPT"}) {
        const auto made = read(std::string("[a]\nsequence = 1,2\ncommand = ") + command + "\n");
        BOOST_TEST(!made, command);
        BOOST_TEST(made.error().text.find("the door is not carried over") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_such_file) {
    BOOST_TEST(read("sequence = 1\n").error().text ==
               "k:1: expected a [section] first, as knockd.conf has them");
    BOOST_TEST(read("[a\n").error().text == "k:1: expected [name]");
    BOOST_TEST(read("").error().text == "k: nothing of it can be carried over");
    for (const auto* sequence : {"1", "70000,1", "1,2:icmp", "a,b", "1,,2"})
        BOOST_TEST(
            !read(std::string("[a]\nsequence = ") + sequence + "\ncommand = " + std::string(accept) + "\n"),
            sequence);
}

BOOST_AUTO_TEST_SUITE_END()

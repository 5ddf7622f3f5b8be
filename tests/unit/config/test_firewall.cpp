// [firewall] and what it asks of services, by backend.
#include "server_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::config_lab;
using namespace std::chrono_literals;

namespace {

std::string with(const std::string& firewall, const std::string& service = "") {
    return "[service.ssh]\nports = tcp/22\n" + service + "[key.alice]\nfile = /keys/a.key\nservices = ssh\n" +
           "[firewall]\n" + firewall;
}

} // namespace

BOOST_AUTO_TEST_SUITE(backends_of_a_configuration)

BOOST_AUTO_TEST_CASE(each_is_told_what_is_its_own) {
    const auto nft = config::parse_server(
        with("backend = nft-set\ntable = inet filter\n", "set4 = allowed4\n"), "/etc/c.ini", load);
    BOOST_TEST_REQUIRE(nft.has_value(), (nft ? "" : nft.error().text));
    BOOST_TEST((nft->firewall.table == firewall::table_name{"inet", "filter"}));
    BOOST_TEST(nft->services[0].set4 == "allowed4");
    BOOST_TEST(nft->services[0].set6 == "");
    BOOST_TEST((config::rules_of(*nft).sets_in == nft->firewall.table));
    BOOST_TEST(complaint(with("backend = ipset\n", "set6 = allowed6\n")) == "accepted");
    const auto command = config::parse_server(
        with("backend = command\nopen = /bin/open 'a b' c\nclose = /bin/close\ntime_limit = 3\n"),
        "/etc/c.ini", load);
    BOOST_TEST_REQUIRE(command.has_value(), (command ? "" : command.error().text));
    BOOST_TEST((config::rules_of(*command).programs ==
                firewall::programs{{"/bin/open", "a b", "c"}, {"/bin/close"}, 3s}));
}

BOOST_AUTO_TEST_CASE(a_dry_run_takes_a_configuration_for_any) {
    BOOST_TEST(complaint(with("backend = dry-run\nalways_allow = 192.0.2.1\nunauthorized = reset\n",
                              "uses = 1\n")) == "accepted");
    BOOST_TEST(complaint(with("backend = dry-run\ntable = ip x\nopen = /a\n", "set4 = a\nset6 = b\n")) ==
               "accepted");
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused) {
    struct sample {
        const char *firewall, *service, *message;
    };
    constexpr sample samples[] = {
        {"backend = nft-set\n", "set4 = a\n",
         "7: [firewall] table: expected the table of your sets, like inet filter, since backend = nft-set"},
        {"backend = nft-set\ntable = inet filter\n", "",
         "1: [service.ssh] set4: expected the name of a set, here or in set6, since backend = nft-set"},
        {"backend = nft-set\ntable = inet filter\n", "set4 = a\nset6 = a\n",
         "4: [service.ssh] set6: expected a set of its own, and a stands twice"},
        {"backend = nft-set\ntable = filter\n", "set4 = a\n",
         "9: [firewall] table: expected a family and a table, like inet filter, not 'filter'"},
        {"backend = nft-set\ntable = inet chronoknock\n", "set4 = a\n",
         "9: [firewall] table: expected a table of yours: chronoknock is chronoknock's own"},
        {"backend = nft-set\ntable = inet filter\n", "set4 = a;b\n",
         "3: [service.ssh] set4: expected the name of a set, 1 to 31 of a-z A-Z 0-9 _ - ., not 'a;b'"},
        {"backend = nft-set\ntable = inet filter\n", "set4 = a\nuses = 1\n",
         " [service.ssh] uses: the backend nft-set has no such thing"},
        {"backend = nft-set\ntable = inet filter\nalways_allow = 192.0.2.1\n", "set4 = a\n",
         " [firewall] always_allow: the backend nft-set has no such thing"},
        {"backend = ipset\ntable = inet filter\n", "set4 = a\n",
         "9: [firewall] table: expected with backend = nft-set, and it is ipset"},
        {"table = inet filter\n", "",
         "7: [firewall] table: expected with backend = nft-set, and it is nftables"},
        {"", "set4 = a\n",
         "3: [service.ssh] set4: expected with backend = nft-set or ipset, and it is nftables"},
        {"open = /bin/a\n", "", "7: [firewall] open: expected with backend = command, and it is nftables"},
        {"backend = command\nopen = /bin/a\n", "",
         "6: [firewall] close: expected a program, since backend = command"},
        {"backend = command\nopen = a\n", "",
         "8: [firewall] open: expected the absolute path of a program, not 'a'"},
    };
    for (const auto& s : samples)
        BOOST_TEST(complaint(with(s.firewall, s.service)) == "/etc/c.ini:" + std::string(s.message));
}

BOOST_AUTO_TEST_CASE(two_services_have_no_set_in_common) {
    BOOST_TEST(complaint(with("backend = ipset\n", "set4 = a\n[service.web]\nports = tcp/80\nset4 = a\n")) ==
               "/etc/c.ini:6: [service.web] set4: expected a set of its own, and a stands twice");
}

BOOST_AUTO_TEST_SUITE_END()

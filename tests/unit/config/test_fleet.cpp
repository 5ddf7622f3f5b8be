#include "config/fleet.hpp"

#include "server_lab.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::config_lab;
namespace data = boost::unit_test::data;

namespace {

const std::string least = "[fleet]\nendpoints = https://10.0.0.1\nname = alpha\nseal = fleet.seal\n";

result<config::fleet_settings> read(const std::string& text) {
    const auto sections = parse_ini(text);
    config::fleet_settings f;
    const auto done = config::read_fleet("c.ini", sections.value().back(), "/etc/c/", f);
    if (!done) return done.error();
    return f;
}

std::string complaint_of(const std::string& text) {
    const auto f = read(text);
    return f ? "accepted" : f.error().text;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_section_of_a_fleet) {
    const auto f = read(least + "endpoints2 = x\n");
    BOOST_TEST(!f);
    const auto g =
        read("[fleet]\nendpoints = https://10.0.0.1, https://[fd00::2]:4001, https://etcd.example:1\n"
             "name = alpha\nseal = /s\nca = ca.pem\ncert = c.pem\nkey = k.pem\nuser = u\n"
             "password_file = p\nprefix = /a/b/\non_loss = local\n")
            .value();
    BOOST_TEST(g.endpoints.size() == 3u);
    BOOST_TEST(g.endpoints[0].to_string() == "https://10.0.0.1:2379");
    BOOST_TEST(g.endpoints[1].to_string() == "https://[fd00::2]:4001");
    BOOST_TEST(g.prefix == "/a/b");
    BOOST_TEST(g.ca_file == "/etc/c/ca.pem");
    BOOST_TEST((g.when_lost == config::on_loss::local));
    const auto plain = read(least).value();
    BOOST_TEST(plain.prefix == "/chronoknock");
    BOOST_TEST((plain.when_lost == config::on_loss::refuse));
    BOOST_TEST(plain.is_set());
    BOOST_TEST(!config::fleet_settings().is_set());
}

BOOST_DATA_TEST_CASE(endpoints_that_do_not_fit,
                     data::make({"http://10.0.0.1", "10.0.0.1:2379", "https://", "https://a b", "https://a:0",
                                 "https://a:70000", "https://a/b", "https://a, https://a", ""}),
                     text) {
    BOOST_TEST(complaint_of("[fleet]\nendpoints = " + std::string(text) + "\nname = a\nseal = s\n")
                   .starts_with("c.ini:2: [fleet] endpoints: expected "));
}

BOOST_AUTO_TEST_CASE(what_belongs_together_stands_together) {
    BOOST_TEST(complaint_of(least + "cert = c.pem\n") ==
               "c.ini:5: [fleet] cert: expected cert and key, or neither");
    BOOST_TEST(complaint_of(least + "key = c.pem\n") ==
               "c.ini:5: [fleet] key: expected cert and key, or neither");
    BOOST_TEST(complaint_of(least + "user = u\n") ==
               "c.ini:5: [fleet] user: expected user and password_file, or neither");
    BOOST_TEST(complaint_of("[fleet]\nendpoints = https://a\nseal = s\n") ==
               "c.ini:1: [fleet] name: expected, and missing");
    BOOST_TEST(complaint_of("[fleet]\nendpoints = https://a\nname = a\n") ==
               "c.ini:1: [fleet] seal: expected, and missing");
    BOOST_TEST(
        complaint_of(least + "prefix = chronoknock\n").starts_with("c.ini:5: [fleet] prefix: expected"));
    BOOST_TEST(complaint_of(least + "prefix = /\n").starts_with("c.ini:5: [fleet] prefix: expected"));
    BOOST_TEST(complaint_of(least + "on_loss = open\n") ==
               "c.ini:5: [fleet] on_loss: expected refuse or local, not 'open'");
}

BOOST_AUTO_TEST_CASE(a_key_of_the_fleet_needs_one) {
    BOOST_TEST(complaint(minimal + "fleet = true\n") ==
               "/etc/c.ini:6: [key.alice] fleet: expected false, or a section [fleet]");
    BOOST_TEST(complaint(least + minimal + "fleet = true\n") == "accepted");
    const auto c = config::parse_server(least + minimal + "fleet = true\n", "/etc/c.ini", load).value();
    BOOST_TEST(c.keys[0].fleet);
    BOOST_TEST(c.fleet.name == "alpha");
    BOOST_TEST(complaint(least + "[service.ssh]\nports = tcp/22\n[key.alice]\nfile = /keys/timeless.key\n"
                                 "services = ssh\nallow_weak = true\nfleet = true\n")
                   .starts_with("/etc/c.ini:11: [key.alice] fleet: expected false: "));
}

BOOST_AUTO_TEST_CASE(a_seal_is_256_bits_at_least) {
    const std::string digits(64, 'a');
    BOOST_TEST(config::parse_seal(digits + "\n")->size() == 32u);
    BOOST_TEST(config::parse_seal(digits + "\r\nmore")->size() == 32u);
    for (const auto& text :
         {std::string(), digits.substr(1), digits.substr(2), digits + "a", digits + "xy"}) {
        const auto seal = config::parse_seal(text);
        BOOST_REQUIRE(!seal);
        BOOST_TEST(seal.error().text.find("aaaa") == std::string::npos);
    }
    BOOST_TEST((*config::parse_password("geheim\n") == "geheim"));
    BOOST_TEST(!config::parse_password("\n"));
}

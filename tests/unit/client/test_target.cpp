#include "client/target.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using client::parse_target;

BOOST_AUTO_TEST_CASE(targets_in_their_forms) {
    const auto read = [](std::string_view text) {
        const auto t = parse_target(text);
        return t ? t->user + "|" + t->host + "|" + t->port : t.error().text;
    };
    BOOST_TEST(read("home") == "|home|");
    BOOST_TEST(read("me@home") == "me|home|");
    BOOST_TEST(read("a@b@home") == "a@b|home|");
    BOOST_TEST(read("home:22") == "|home|22");
    BOOST_TEST(read("me@home:ssh") == "me|home|ssh");
    BOOST_TEST(read("192.0.2.1:65535") == "|192.0.2.1|65535");
    BOOST_TEST(read("2001:db8::1") == "|2001:db8::1|");
    BOOST_TEST(read("[2001:db8::1]") == "|2001:db8::1|");
    BOOST_TEST(read("me@[2001:db8::1]:22") == "me|2001:db8::1|22");
    for (const std::string wrong : {"", "@home", "me@", "home:", ":22", "[::1", "[home]", "[192.0.2.1]:22", "[::1]22",
                                    "[::1]:", "a:b:c", "home:2 2", "home:\"x"})
        BOOST_TEST(read(wrong) == "expected HOST, USER@HOST, HOST:PORT or [IPV6]:PORT, not '" + wrong + "'");
}

BOOST_AUTO_TEST_CASE(a_port_belongs_to_an_option) {
    const auto read = [](std::string_view text) {
        const auto host = client::parse_host_target(text);
        return host ? *host : host.error().text;
    };
    BOOST_TEST(read("me@home") == "home");
    BOOST_TEST(read("[::1]") == "::1");
    BOOST_TEST(read("home:22") == "expected HOST; did you mean --wait 22 home?");
    BOOST_TEST(read("[2001:db8::1]:ssh") == "expected HOST; did you mean --wait ssh 2001:db8::1?");
}

BOOST_AUTO_TEST_CASE(ports_by_number_and_by_name) {
    const auto lookup = [](const std::string& name) -> std::optional<std::uint16_t> {
        if (name == "ssh") return 22;
        return {};
    };
    BOOST_TEST(client::parse_port("22", lookup).value() == 22);
    BOOST_TEST(client::parse_port("ssh", lookup).value() == 22);
    BOOST_TEST(!client::parse_port("ssh", {}).has_value());
    for (const std::string wrong : {"", "0", "65536", "-1", "telnot", "22 ", "s sh"})
        BOOST_TEST(client::parse_port(wrong, lookup).error().text ==
                   "expected a whole number from 1 to 65535 or the name of a service like ssh, not '" + wrong + "'");
}

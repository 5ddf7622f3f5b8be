#include "base/address.hpp"
#include "base/ini.hpp"
#include "base/port_set.hpp"
#include "base/prefix_lengths.hpp"
#include "base/reader.hpp"
#include "base/service.hpp"
#include "base/text.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(addresses_of_the_own_network) {
    for (const auto* text : {"10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "127.0.0.1", "::1",
                             "fd12::1", "fe80::1"})
        BOOST_TEST(address::parse(text)->is_local(), text);
    for (const auto* text : {"9.255.255.255", "11.0.0.0", "172.32.0.0", "192.0.2.1", "::2", "2001:db8::1"})
        BOOST_TEST(!address::parse(text)->is_local(), text);
}

BOOST_AUTO_TEST_CASE(addresses) {
    BOOST_TEST(address::parse("192.0.2.1")->to_string() == "192.0.2.1");
    BOOST_TEST(address::parse("2001:db8::1")->to_string() == "2001:db8::1");
    BOOST_TEST((address::parse("::ffff:192.0.2.1") == address::parse("192.0.2.1")));
    BOOST_TEST(address::parse("::ffff:192.0.2.1")->family() == 4);
    BOOST_TEST(address::parse("::1")->bytes().size() == 16u);
    BOOST_TEST(address::parse("host\n").error().text == "expected an IPv4 or IPv6 address, not 'host\\x0a'");
}

BOOST_AUTO_TEST_CASE(prefixes) {
    const auto net = prefix::parse("192.0.2.128/25");
    BOOST_TEST(net->contains(*address::parse("192.0.2.200")));
    BOOST_TEST(!net->contains(*address::parse("192.0.2.100")));
    BOOST_TEST(!net->contains(*address::parse("::1")));
    BOOST_TEST(prefix::parse("2001:db8::1")->to_string() == "2001:db8::1");
    BOOST_TEST(prefix::parse("0.0.0.0/0")->contains(*address::parse("9.9.9.9")));
    BOOST_TEST(prefix::parse("192.0.2.1/24").error().text ==
               "expected zeros beyond the prefix length in '192.0.2.1/24'");
    BOOST_TEST(prefix::parse("192.0.2.0/33").has_error());
    const auto ip = [](const char* text) { return *address::parse(text); };
    BOOST_TEST(prefix(ip("192.0.2.77"), 25).to_string() == "192.0.2.0/25");
    BOOST_TEST(prefix(ip("192.0.2.77"), 0).to_string() == "0.0.0.0/0");
    BOOST_TEST(prefix(ip("192.0.2.77"), 128).to_string() == "192.0.2.77");
    BOOST_TEST(prefix(ip("2001:db8:1:2:3::4"), 61).to_string() == "2001:db8:1::/61");
    BOOST_TEST(prefix(ip("::ffff:192.0.2.77"), 24).to_string() == "192.0.2.0/24");
    BOOST_TEST((prefix(ip("192.0.2.77")) == ip("192.0.2.77")));
    BOOST_TEST(prefix(ip("192.0.2.77")).is_single());
    BOOST_TEST(net->overlaps(ip("192.0.2.200")));
    BOOST_TEST(prefix(ip("192.0.2.200")).overlaps(*net));
    BOOST_TEST(net->overlaps(*prefix::parse("192.0.0.0/16")));
    BOOST_TEST(!net->overlaps(*prefix::parse("192.0.2.0/25")));
    BOOST_TEST(!prefix::parse("0.0.0.0/0")->overlaps(*prefix::parse("::/0")));
    for (const auto* text : {"fe80::1", "169.254.1.1", "127.0.0.1", "::1"})
        BOOST_TEST(ip(text).is_link_local());
    for (const auto* text : {"10.0.0.1", "fd00::1", "192.0.2.1"}) BOOST_TEST(!ip(text).is_link_local());
    BOOST_TEST(prefix::parse("192.0.2.0/").has_error());
}

BOOST_AUTO_TEST_CASE(networks_that_an_address_is_in) {
    prefix_lengths lengths;
    std::vector<std::string> asked;
    const auto ask = [&](const char* who) {
        asked.clear();
        return lengths.any_of(*address::parse(who), [&](const prefix& p) {
            asked.push_back(p.to_string());
            return p.length == 24;
        });
    };
    BOOST_TEST(!ask("192.0.2.1"));
    for (const auto* text : {"10.0.0.1", "10.0.0.0/16", "10.0.0.0/24", "2001:db8::/64"})
        lengths.add(*prefix::parse(text));
    BOOST_TEST(ask("192.0.2.1"));
    BOOST_TEST((asked == std::vector<std::string>{"192.0.2.1", "192.0.2.0/24"}));
    BOOST_TEST(!ask("2001:db8:1::1"));
    BOOST_TEST((asked == std::vector<std::string>{"2001:db8:1::/64"}));
}

BOOST_AUTO_TEST_CASE(port_sets) {
    const auto ports = port_set::parse("1000, 2000-2999,40000-49999,2500-3000");
    BOOST_TEST(ports->to_string() == "1000,2000-3000,40000-49999");
    BOOST_TEST(ports->size() == 1u + 1001 + 10000);
    BOOST_TEST((*ports)[0] == 1000);
    BOOST_TEST((*ports)[1] == 2000);
    BOOST_TEST((*ports)[1002] == 40000);
    BOOST_TEST(ports->contains(3000));
    BOOST_TEST(!ports->contains(3001));
    BOOST_TEST(port_set::parse("0-65535")->size() == 65536u);
    BOOST_TEST(port_set::parse("1-2,3").value().to_string() == "1-3");
    for (const auto* wrong : {"", "1,,2", "1-", "-1", "65536", "2-1", "x"})
        BOOST_TEST(port_set::parse(wrong).has_error());
}

BOOST_AUTO_TEST_CASE(durations) {
    const auto read = [](std::string_view text) { return parse_duration(text, 0s, 24h); };
    BOOST_TEST((*read("30") == 30s));
    BOOST_TEST((*read("500ms") == 500ms));
    BOOST_TEST((*read("30s") == 30s));
    BOOST_TEST((*read("5m") == 5min));
    BOOST_TEST((*read("1h") == 1h));
    for (const auto* wrong : {"", "s", "-1", "1d", "25h", "1.5", "1 s", "9223372036854775807h"})
        BOOST_TEST(read(wrong).has_error());
    BOOST_TEST(read("1d").error().text ==
               "expected a duration from 0s to 86400s (30, 500ms, 30s, 5m, 1h), not '1d'");
    BOOST_TEST(to_string(nanoseconds(1500ms)) == "1500ms");
}

BOOST_AUTO_TEST_CASE(printable_text_keeps_to_its_line) {
    BOOST_TEST(printable("a\r\nb\x1b[0m\\") == "a\\x0d\\x0ab\\x1b[0m\\x5c");
    BOOST_TEST(printable(std::string(300, 'x')).size() == 203u);
}

BOOST_AUTO_TEST_CASE(ini) {
    const auto sections = parse_ini("a = 1 # why\n\n[one]\nb=x = y\r\n[two]\n");
    BOOST_REQUIRE(sections.has_value());
    BOOST_TEST(sections->size() == 3u);
    BOOST_TEST(sections->at(0).fields.at(0).value == "1");
    BOOST_TEST(sections->at(1).fields.at(0).value == "x = y");
    BOOST_TEST(sections->at(1).fields.at(0).line == 4);
    BOOST_TEST(sections->at(2).name == "two");
    BOOST_TEST(parse_ini("[one").error().text == "line 1: expected [section]");
    BOOST_TEST(parse_ini("[]").error().text == "line 1: expected [section]");
    BOOST_TEST(parse_ini("[").error().text == "line 1: expected [section]");
    BOOST_TEST(parse_ini("a = 1\nnoise").error().text == "line 2: expected name = value");
    BOOST_TEST(parse_ini("a = 1\na = 2").error().text == "line 2: field a stands twice");
    BOOST_TEST(parse_ini("[a]\n[a]").error().text == "line 2: section [a] stands twice");
}

BOOST_AUTO_TEST_CASE(reading_past_the_end_is_remembered) {
    const std::uint8_t bytes[] = {1, 2, 3};
    reader r(bytes);
    BOOST_TEST(r.u16() == 0x0102);
    BOOST_TEST(!!r);
    BOOST_TEST(r.u16() == 0);
    BOOST_TEST(!r);
    BOOST_TEST(r.left() == 0u);
}

BOOST_AUTO_TEST_CASE(services) {
    BOOST_TEST(endpoint_range::parse("udp/60000-61000")->to_string() == "udp/60000-61000");
    for (const auto* wrong : {"22", "sctp/22", "tcp/0", "tcp/", "tcp/70000"})
        BOOST_TEST(endpoint_range::parse(wrong).has_error());
    BOOST_TEST(service::valid_name("ssh-2_x"));
    for (const auto* wrong : {"", "2ssh", "a b", "a\"b", "abcdefghijklmnopqrstuvwxyzabcdefg"})
        BOOST_TEST(!service::valid_name(wrong));
}

#include "firewall/rules.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using firewall::parse_set_name;
using firewall::rules;
using firewall::set_name;
using firewall::setup_script;

namespace {

service make_service(const std::string& name, std::initializer_list<const char*> ports,
                     std::uint32_t uses = 0) {
    service s;
    s.name = name;
    for (const auto* p : ports) s.ports.push_back(*endpoint_range::parse(p));
    s.uses = uses;
    return s;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

BOOST_AUTO_TEST_SUITE(names)

BOOST_AUTO_TEST_CASE(a_set_name_reads_back) {
    for (const auto* name : {"ssh", "a", "x_3_y", "web-1"})
        for (const std::uint32_t uses : {0u, 1u, 3u, firewall::most_uses})
            for (const int family : {4, 6}) {
                const auto set = parse_set_name(set_name(name, uses, family));
                BOOST_REQUIRE(set.has_value());
                BOOST_TEST((*set == firewall::grant_set{name, uses, family}));
            }
    BOOST_TEST(set_name("ssh", 0, 4) == "grant4_ssh");
    BOOST_TEST(set_name("ssh", 3, 6) == "grant6_3_ssh");
}

BOOST_AUTO_TEST_CASE(other_names_are_not_grants) {
    for (const auto* name : {"", "live4", "__set0", "grant4_", "grant5_ssh", "grant4_3_", "grant4_0_ssh",
                             "grant4_3ssh", "grant4_99999999999_ssh", "grant4_a b", "grant4_1_1_x"})
        BOOST_TEST(!parse_set_name(name), name);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(script)

BOOST_AUTO_TEST_CASE(the_whole_of_a_small_one) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    const std::string expected = R"(add table inet chronoknock
add chain inet chronoknock prerouting { type filter hook prerouting priority mangle; policy accept; }
add chain inet chronoknock input { type filter hook input priority mangle; policy accept; }
add chain inet chronoknock guard
flush chain inet chronoknock prerouting
flush chain inet chronoknock input
flush chain inet chronoknock guard
table inet chronoknock {
	set live4 { type ipv4_addr . inet_service . inet_service; flags timeout; timeout 1d; }
	set live6 { type ipv6_addr . inet_service . inet_service; flags timeout; timeout 1d; }
	set grant4_ssh { type ipv4_addr; flags timeout; }
	set grant6_ssh { type ipv6_addr; flags timeout; }
	chain guard {
		iif lo accept
		tcp flags & (syn | ack | rst | fin) != syn ip saddr . tcp sport . tcp dport @live4 accept
		tcp flags & (syn | ack | rst | fin) != syn ip6 saddr . tcp sport . tcp dport @live6 accept
		tcp dport { 22 } ip saddr @grant4_ssh accept
		tcp dport { 22 } ip6 saddr @grant6_ssh accept
		counter drop
	}
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		tcp dport { 22 } ct state != established fib daddr type != unicast jump guard
	}
	chain input {
		type filter hook input priority mangle; policy accept;
		tcp dport { 22 } ct state != established jump guard
	}
}
)";
    BOOST_TEST(*setup_script(r, {}, {}) == expected);
}

BOOST_AUTO_TEST_CASE(ports_of_all_services_are_guarded_once) {
    rules r;
    r.services = {make_service("a", {"tcp/20-30", "udp/53"}), make_service("b", {"tcp/25-40", "tcp/80"})};
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(text, "tcp dport { 20-40, 80 } ct state != established jump guard"));
    BOOST_TEST(has(text, "udp dport { 53 } ct state != established jump guard"));
    BOOST_TEST(has(text, "tcp dport { 25-40, 80 } ip saddr @grant4_b accept"));
    BOOST_TEST(has(text, "udp dport { 53 } ip6 saddr @grant6_a accept"));
    BOOST_TEST(!has(text, "udp dport { 53 } ip saddr @grant4_b"));
}

BOOST_AUTO_TEST_CASE(no_service_no_guard) {
    const auto text = *setup_script({}, {}, {});
    BOOST_TEST(!has(text, "jump"));
    BOOST_TEST(!has(text, "grant"));
}

BOOST_AUTO_TEST_CASE(networks_always_allowed_go_by_family) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    for (const auto* p : {"192.0.2.0/24", "2001:db8::/32", "198.51.100.1"})
        r.always_allow.push_back(*prefix::parse(p));
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(text, "ip saddr { 192.0.2.0/24, 198.51.100.1"));
    BOOST_TEST(has(text, "ip6 saddr { 2001:db8::/32 } accept"));
}

BOOST_AUTO_TEST_CASE(reset_answers_like_a_closed_port) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    BOOST_TEST(!has(*setup_script(r, {}, {}), "reject"));
    r.unauthorized = firewall::unauthorized::reset;
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(text, "meta l4proto tcp counter reject with tcp reset"));
    BOOST_TEST(has(text, "meta l4proto udp counter reject with icmpx port-unreachable"));
}

BOOST_AUTO_TEST_CASE(only_services_with_uses_touch_the_mark) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    BOOST_TEST(!has(*setup_script(r, {}, {}), "mark"));
    r.services.push_back(make_service("web", {"tcp/80"}, 3));
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(
        text,
        "set grant4_3_web { type ipv4_addr; flags dynamic,timeout; limit rate 1/week burst 3 packets; }"));
    BOOST_TEST(has(text, "ct state new ct mark 0x6b6e6f63 accept"));
    BOOST_TEST(
        has(text, "ct state new tcp dport { 80 } ip saddr @grant4_3_web ct mark set 0x6b6e6f63 accept"));
    BOOST_TEST(has(text, "tcp dport { 22 } ip saddr @grant4_ssh accept"));
    BOOST_TEST(!has(text, "delete"));
}

BOOST_AUTO_TEST_CASE(a_single_use_grant_is_deleted_by_its_use) {
    rules r;
    r.services = {make_service("web", {"tcp/80"}, 1)};
    BOOST_TEST(has(*setup_script(r, {}, {}),
                   "ip6 saddr @grant6_1_web delete @grant6_1_web { ip6 saddr } ct mark set"));
}

BOOST_AUTO_TEST_CASE(live_grants_stay_and_stale_sets_go) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"}, 3)};
    const std::string existing[] = {"live4", "grant4_ssh", "grant6_3_ssh", "grant4_old", "__set0"};
    const auto text = *setup_script(r, existing, {});
    BOOST_TEST(has(text, "flush set inet chronoknock live4\n"));
    BOOST_TEST(has(text, "delete set inet chronoknock grant4_ssh\n")); // other uses, other set
    BOOST_TEST(has(text, "delete set inet chronoknock grant4_old\n"));
    BOOST_TEST(!has(text, "delete set inet chronoknock grant6_3_ssh"));
    BOOST_TEST(!has(text, "flush set inet chronoknock grant"));
    BOOST_TEST(!has(text, "__set0"));
}

BOOST_AUTO_TEST_CASE(open_connections_to_guarded_ports_are_kept) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"}), make_service("vpn", {"udp/51820"})};
    const firewall::connection live[] = {{*address::parse("192.0.2.7"), 4000, 22},
                                         {*address::parse("192.0.2.8"), 4000, 23},
                                         {*address::parse("192.0.2.9"), 4000, 51820},
                                         {*address::parse("2001:db8::7"), 4001, 22}};
    const auto text = *setup_script(r, {}, live);
    BOOST_TEST(has(text, "add element inet chronoknock live4 { 192.0.2.7 . 4000 . 22 }\n"));
    BOOST_TEST(has(text, "add element inet chronoknock live6 { 2001:db8::7 . 4001 . 22 }\n"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_expressed_is_refused) {
    rules r;
    r.services = {make_service("ssh; flush ruleset", {"tcp/22"})};
    BOOST_TEST(has(setup_script(r, {}, {}).error().text, "cannot name a service"));
    r.services = {make_service("ssh", {"tcp/22"}, firewall::most_uses + 1)};
    BOOST_TEST(has(setup_script(r, {}, {}).error().text,
                   "service.ssh: uses: expected a whole number from 0 to 30000"));
}

BOOST_AUTO_TEST_SUITE_END()

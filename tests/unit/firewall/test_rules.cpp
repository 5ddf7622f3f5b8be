#include "firewall/rules.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

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
    for (const auto* name :
         {"ssh", "a", "x_3_y", "web-1", "abcdef12_ssh", "a2345678901234567890123456789012"})
        for (const std::uint32_t uses : {0u, 1u, 3u, firewall::most_uses})
            for (const int family : {4, 6}) {
                const auto text = set_name(make_service(name, {"tcp/22"}, uses), family);
                const auto set = parse_set_name(text);
                BOOST_REQUIRE(set.has_value());
                BOOST_TEST((*set == firewall::grant_set{name, uses, family, text.substr(text.size() - 8)}));
                BOOST_TEST(text.size() < 64u); // the kernel takes 255, and nft's own names are short
            }
    BOOST_TEST(set_name(make_service("ssh", {"tcp/22"}), 4).starts_with("grant4_ssh."));
    BOOST_TEST(set_name(make_service("ssh", {"tcp/22"}, 3), 6).starts_with("grant6_3_ssh."));
}

BOOST_AUTO_TEST_CASE(a_set_of_networks_says_their_length) {
    const auto ssh = make_service("ssh", {"tcp/22"}), three = make_service("ssh", {"tcp/22"}, 3);
    BOOST_TEST(set_name(ssh, 4, 24).starts_with("net4_24_ssh."));
    BOOST_TEST(set_name(three, 6, 64).starts_with("net6_64_3_ssh."));
    for (const auto& s : {ssh, three})
        for (const auto* text : {"192.0.2.0/24", "192.0.2.7", "2001:db8::/64", "2001:db8::7"}) {
            const auto who = *prefix::parse(text);
            const auto set = parse_set_name(set_name(s, who));
            BOOST_REQUIRE(set.has_value());
            BOOST_TEST((set->service == "ssh" && set->uses == s.uses));
            BOOST_TEST((set->family == who.network.family() && set->length.has_value() != who.is_single()));
            BOOST_TEST((who_of(*set, who.network) == who));
        }
    for (const auto* name : {"net4_ssh.00000000", "net4_0_ssh.00000000", "net4_32_ssh.00000000",
                             "net6_128_ssh.00000000", "net4_24_0_ssh.00000000", "net4_24_.00000000",
                             "net5_24_ssh.00000000", "net4_24_3_2_ssh.00000000", "net4_24_ssh"})
        BOOST_TEST(!parse_set_name(name), name);
}

BOOST_AUTO_TEST_CASE(a_set_name_tells_the_ports_whatever_their_order) {
    const auto name = [](std::initializer_list<const char*> ports) {
        return set_name(make_service("ssh", ports), 4);
    };
    BOOST_TEST(name({"tcp/22"}) == name({"tcp/22"}));
    BOOST_TEST(name({"tcp/22", "udp/53", "tcp/80-90"}) == name({"tcp/80-90", "tcp/22", "udp/53"}));
    BOOST_TEST(name({"tcp/22-23"}) == name({"tcp/23", "tcp/22"}));
    std::set<std::string> names;
    const auto all = {name({"tcp/22"}),           name({"udp/22"}),           name({"tcp/8443"}),
                      name({"tcp/22", "tcp/80"}), name({"tcp/22", "udp/80"}), name({"tcp/22-80"}),
                      name({"tcp/2", "tcp/280"})};
    names.insert(all.begin(), all.end());
    BOOST_TEST(names.size() == all.size());
}

BOOST_AUTO_TEST_CASE(other_names_are_not_grants) {
    for (const auto* name :
         {"", "live4", "__set0", "grant4_", "grant5_ssh.00000000", "grant4_3_.00000000",
          "grant4_0_ssh.00000000", "grant4_3ssh.00000000", "grant4_99999999999_ssh.00000000",
          "grant4_a b.00000000", "grant4_1_1_x.00000000", "grant4_ssh", "grant4_3_ssh", "grant4_ssh.",
          "grant4_ssh.0000000", "grant4_ssh.000000000", "grant4_ssh.0000000G", "grant4_.00000000",
          "grant4_ssh.00000000.00000000"})
        BOOST_TEST(!parse_set_name(name), name);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(script)

BOOST_AUTO_TEST_CASE(the_way_of_a_tcp_packet_in_one_family) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    const auto text = *setup_script(r, {}, {});
    for (
        const auto& part : std::vector<std::string>{
            "set tcp4 { type ipv4_addr . inet_service . inet_service; flags dynamic,timeout; timeout 1d; "
            "size "
            "262144; }",
            "set opening6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; flags dynamic,timeout; "
            "timeout 2m; ",
            "set " + set_name(r.services[0], 4) + " { type ipv4_addr; flags timeout; }",
            "tcp flags & (syn | ack | rst | fin) == syn goto open",
            "ip saddr . tcp sport . ip daddr . tcp dport @opening4 accept",
            "tcp dport { 22 } ip saddr @" + set_name(r.services[0], 4) +
                " add @tcp4 { ip saddr . tcp sport . tcp dport timeout 2m "
                "} "
                "add @opening4 { ip saddr . tcp sport . ip daddr . tcp dport } accept",
            "ip saddr . tcp sport . ip daddr . tcp dport @opening4 delete @opening4 { ip saddr . tcp sport . "
            "ip "
            "daddr . tcp dport }",
            "tcp flags & (fin | rst) == 0 ip saddr . tcp sport . tcp dport @tcp4 update @tcp4 ",
            "ip6 saddr . tcp sport . tcp dport @closing6 update @closing6 { ip6 saddr . tcp sport . tcp "
            "dport "
            "} accept",
            "tcp dport { 22 } fib daddr type != unicast jump guard", "tcp dport { 22 } jump guard",
            "tcp sport { 22 } oif != lo jump sent", "counter drop"})
        BOOST_TEST(has(text, part), part);
}

BOOST_AUTO_TEST_CASE(conntrack_is_asked_only_where_addresses_are_translated) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22", "udp/22"}, 1)};
    BOOST_TEST(!has(*setup_script(r, {}, {}), "ct "));
    r.translated = true;
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(text,
                   "ct status dnat ct direction original meta l4proto tcp ct original proto-dst { 22 } jump "
                   "dnat_guard"));
    // An answer to what was begun behind this host is no SYN.
    BOOST_TEST(
        has(text, "tcp dport { 22 } tcp flags & (syn | ack | rst | fin) != syn ct direction reply accept"));
    BOOST_TEST(!has(text, "mark"));
}

BOOST_AUTO_TEST_CASE(destinations_named_are_guarded_as_well) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"})};
    r.also_for = {*prefix::parse("198.51.100.0/24")};
    BOOST_TEST(has(*setup_script(r, {}, {}), "ip daddr { 198.51.100.0/24 } tcp dport { 22 } jump guard"));
}

BOOST_AUTO_TEST_CASE(ports_of_all_services_are_guarded_once) {
    rules r;
    r.services = {make_service("a", {"tcp/20-30", "udp/53"}), make_service("b", {"tcp/25-40", "tcp/80"})};
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(has(text, "tcp dport { 20-40, 80 } jump guard"));
    BOOST_TEST(has(text, "udp dport { 53 } jump guard"));
    BOOST_TEST(has(text, "tcp dport { 25-40, 80 } ip saddr @" + set_name(r.services[1], 4) + " add"));
    BOOST_TEST(has(text, "udp dport { 53 } ip6 saddr @" + set_name(r.services[0], 6) +
                             " delete @cut6 { ip6 saddr . udp sport . udp dport } "
                             "update @udp6 { ip6 saddr . udp sport . udp dport } accept"));
    BOOST_TEST(!has(text, "udp dport { 53 } ip saddr @" + set_name(r.services[1], 4)));
}

BOOST_AUTO_TEST_CASE(no_service_no_guard) {
    const auto text = *setup_script({}, {}, {});
    BOOST_TEST(!has(text, "jump guard"));
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
    BOOST_TEST(has(text, "counter reject with tcp reset"));
    BOOST_TEST(has(text, "counter reject with icmpx port-unreachable"));
}

BOOST_AUTO_TEST_CASE(uses_are_counted_by_the_kernel) {
    rules r;
    r.services = {make_service("web", {"tcp/80"}, 3), make_service("one", {"tcp/81"}, 1)};
    const auto text = *setup_script(r, {}, {});
    BOOST_TEST(
        has(text, "set " + set_name(r.services[0], 4) +
                      " { type ipv4_addr; flags dynamic,timeout; limit rate 1/week burst 3 packets; }"));
    BOOST_TEST(!has(text, "delete @" + set_name(r.services[0], 4)));
    BOOST_TEST(has(text, "delete @" + set_name(r.services[1], 6) + " { ip6 saddr } accept"));
}

BOOST_AUTO_TEST_CASE(live_grants_stay_and_stale_sets_go) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"}, 3)};
    const auto live = set_name(r.services[0], 6), other_uses = set_name(make_service("ssh", {"tcp/22"}), 4),
               other_ports = set_name(make_service("ssh", {"tcp/8443"}, 3), 4);
    firewall::table_state there;
    // The last two were made by a version that did not tell the ports.
    const std::vector stale{other_uses, other_ports, std::string("grant4_3_ssh"), std::string("grant4_old")};
    there.sets = {"live4", "tcp4", live, "__set0"};
    there.sets.insert(there.sets.end(), stale.begin(), stale.end());
    there.chains = {"input", "forward", "stray"};
    there.permanent = {{live, *address::parse("2001:db8::1")}, {"grant4_old", *address::parse("192.0.2.1")}};
    const auto text = *setup_script(r, there, {});
    BOOST_TEST(has(text, "delete set inet chronoknock live4\n"));
    for (const auto& set : stale) BOOST_TEST(has(text, "delete set inet chronoknock " + set + "\n"), set);
    for (const auto& kept : {live, std::string("tcp4"), std::string("__set0")})
        BOOST_TEST(!has(text, "delete set inet chronoknock " + kept), kept);
    BOOST_TEST(!has(text, "flush set"));
    // A grant without an end is none of ours.
    BOOST_TEST(has(text, "delete element inet chronoknock " + live + " { 2001:db8::1 }\n"));
    BOOST_TEST(!has(text, "192.0.2.1"));
    BOOST_TEST(has(text, "flush table inet chronoknock\n"));
    BOOST_TEST(!has(text, "delete chain inet chronoknock input\n"));
    BOOST_TEST(has(text, "delete chain inet chronoknock stray\n"));
    BOOST_TEST(has(text, "delete chain inet chronoknock forward\n")); // nothing is translated
    there.sets = {"tcp4; flush ruleset"};
    BOOST_TEST(!setup_script(r, there, {}));
}

BOOST_AUTO_TEST_CASE(grants_to_networks_have_sets_by_length) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"}, 1), make_service("vpn", {"udp/51820"})};
    auto& ssh = r.services[0];
    ssh.prefixes4 = {24};
    ssh.prefixes6 = {56, 64};
    const auto text = *setup_script(r, {}, {});
    const auto net4 = set_name(ssh, 4, 24), net6 = set_name(ssh, 6, 56);
    BOOST_TEST(has(text, "set " + net4 + " { type ipv4_addr; flags dynamic,timeout; "));
    BOOST_TEST(has(text, "set " + set_name(ssh, 6, 64) + " { type ipv6_addr; "));
    BOOST_TEST(has(text, "tcp dport { 22 } ip saddr @" + set_name(ssh, 4) + " add")); // single ones, too
    BOOST_TEST(has(text, "tcp dport { 22 } ip saddr & 255.255.255.0 @" + net4 + " add"));
    BOOST_TEST(has(text, "tcp dport { 22 } ip6 saddr & ffff:ffff:ffff:ff00:: @" + net6 + " add"));
    BOOST_TEST(has(text, "delete @" + net4 + " { ip saddr & 255.255.255.0 } accept"));
    BOOST_TEST(!has(text, "udp dport { 51820 } ip saddr &"));
    // A length that no key has any more is gone, with its grants; the others stay.
    firewall::table_state there;
    there.sets = {set_name(ssh, 4), net4, net6};
    ssh.prefixes6 = {64};
    const auto next = *setup_script(r, there, {});
    BOOST_TEST(has(next, "delete set inet chronoknock " + net6 + "\n"));
    BOOST_TEST(!has(next, "delete set inet chronoknock " + net4));
    BOOST_TEST(!has(next, "delete set inet chronoknock " + set_name(ssh, 4)));
}

BOOST_AUTO_TEST_CASE(what_was_admitted_goes_on) {
    rules r;
    r.services = {make_service("ssh", {"tcp/22"}), make_service("vpn", {"udp/51820"})};
    const firewall::flow admitted[] = {{transport::tcp, *address::parse("192.0.2.7"), 4000, 22},
                                       {transport::tcp, *address::parse("192.0.2.8"), 4000, 23},
                                       {transport::udp, *address::parse("192.0.2.9"), 4000, 51820},
                                       {transport::tcp, *address::parse("2001:db8::7"), 4001, 22}};
    const auto text = *setup_script(r, {}, admitted);
    BOOST_TEST(has(text, "add element inet chronoknock tcp4 { 192.0.2.7 . 4000 . 22 }\n"));
    BOOST_TEST(has(text, "add element inet chronoknock tcp6 { 2001:db8::7 . 4001 . 22 }\n"));
    BOOST_TEST(has(text, "add element inet chronoknock udp4 { 192.0.2.9 . 4000 . 51820 }\n"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_expressed_is_refused) {
    rules r;
    r.services = {make_service("ssh; flush ruleset", {"tcp/22"})};
    BOOST_TEST(has(setup_script(r, {}, {}).error().text, "cannot name a service"));
    r.services = {make_service("ssh", {"tcp/22"}, firewall::most_uses + 1)};
    BOOST_TEST(has(setup_script(r, {}, {}).error().text,
                   "service.ssh: uses: expected a whole number from 0 to 15000"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(what_holds)

BOOST_AUTO_TEST_CASE(a_table_holds_to_rules_that_would_write_the_same_and_to_no_others) {
    rules asked;
    asked.services = {make_service("ssh", {"tcp/22"})};
    auto standing = asked;
    standing.translated = true;
    standing.table = firewall::spare_table;
    standing.trial_left = seconds(9);
    BOOST_TEST(firewall::holds(standing, asked));
    const auto with = [&](const auto& change) {
        auto other = asked;
        change(other);
        return other;
    };
    for (const auto& other :
         {with([](rules& r) { r.services[0] = make_service("ssh", {"tcp/23"}); }),
          with([](rules& r) { r.services[0].uses = 1; }), with([](rules& r) { r.services.clear(); }),
          with([](rules& r) { r.services[0].prefixes4 = {24}; }),
          with([](rules& r) { r.unauthorized = firewall::unauthorized::reset; }),
          with([](rules& r) { r.always_allow = {prefix::parse("192.0.2.0/24").value()}; }),
          with([](rules& r) { r.also_for = {prefix::parse("192.0.2.0/24").value()}; }),
          with([](rules& r) { r.trial_end = instant{} + seconds(60); })})
        BOOST_TEST(!firewall::holds(standing, other));
}

BOOST_AUTO_TEST_SUITE_END()

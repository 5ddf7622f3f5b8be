// Grants to the network around an address.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;
using firewall::change;

namespace {

const auto net4 = *prefix::parse("192.0.2.0/24"), net6 = *prefix::parse("2001:db8::/64");
const auto v6 = *address::parse("2001:db8::7"), far = *address::parse("198.51.100.1");

/// Alice opens for networks, bob for addresses.
terms with_networks(std::uint8_t prefix4 = 24, std::uint8_t prefix6 = 64) {
    return {{{"alice", 0s, "a", {0}, {}, 0, prefix4, prefix6}, {"bob", 0s, "b", {0}}}, {{"ssh", 30s, 1h}}};
}

struct networks : world {
    networks() {
        line.set_terms(with_networks());
        line.revoke_unentitled(at(now), clock_at(now)); // alice has another secret than in the lab
    }
    claim of(std::uint32_t key, std::int64_t t0, const address& who = here) const {
        auto c = world::of(key, t0, who);
        c.services = {0};
        return c;
    }
    claim close(const address& who, std::int64_t t0) const {
        auto c = of(0, t0, who);
        c.what = claim::wish::close;
        return c;
    }
    std::vector<change> revoke(const char* who) {
        const auto r = line.revoke({"", prefix::parse(who).value(), "why"}, {}, at(now), clock_at(now));
        line.revoked(r.number, fine, at(now));
        number += r.number != 0;
        return r.changes;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(grants_to_networks)

BOOST_AUTO_TEST_CASE(it_is_to_the_network_and_says_so) {
    networks w;
    const auto c = w.of(0, 0);
    const auto asked = w.judge({c});
    const auto& r = std::get<redeem>(asked.at(0));
    BOOST_TEST(
        (r.tokens == std::vector{w.burnt_of(c)})); // it is the address's: another one's knock is another
    BOOST_TEST(
        (r.grants == std::vector<opened_grant>{{"alice", "a", net4, "ssh", clock_at(0s), clock_at(30s)}}));
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, {{net4, "ssh", 30s}}}}));
    BOOST_TEST(
        (w.carried_out(2, fine) ==
         actions{tell{severity::info, "key alice opens ssh for 30s to 192.0.2.0/24, window 0 (0.00 ms)"},
                 note{{clock_at(0s), history_entry::kind::granted, "alice", net4, "ssh", "30s"}}}));
    BOOST_TEST((w.line.due(at(30s)) ==
                actions{note{{clock_at(30s), history_entry::kind::expired, "alice", net4, "ssh", ""}}}));
    w.number = 3;
    w.open(w.of(0, 0, v6), {{net6, "ssh", 30s}});
    w.open(w.of(1, 0), {{here, "ssh", 30s}});
}

BOOST_AUTO_TEST_CASE(a_links_own_addresses_have_no_network_around_them) {
    networks w;
    for (const auto* text : {"fe80::1", "169.254.7.7", "127.0.0.1", "::1"}) {
        const auto who = *address::parse(text);
        w.open(w.of(0, 0, who), {{who, "ssh", 30s}});
    }
    // An IPv4-mapped address is the IPv4 address.
    w.open(w.of(0, 0, *address::parse("::ffff:192.0.2.9")), {{net4, "ssh", 30s}});
}

BOOST_AUTO_TEST_CASE(two_of_one_network_share_a_grant) {
    networks w;
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    w.now = 10s;
    w.open(w.of(0, 10, there), {{net4, "ssh", 30s}}); // renewed
    BOOST_TEST((w.line.keys_of(net4, "ssh", at(39s)).size() == 1u));
    BOOST_TEST(w.line.due(at(39s)).empty());
}

BOOST_AUTO_TEST_CASE(any_of_its_addresses_closes_it) {
    networks w;
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    w.judge({w.close(far, -1)});
    BOOST_TEST(std::get<tell>(w.redeemed(w.number, fine).at(0)).line.find("had none of it open") !=
               std::string::npos);
    w.number += 2;
    w.judge({w.close(there, -1)});
    BOOST_TEST((w.redeemed(w.number, fine) == actions{close_services{w.number + 1, {{net4, "ssh", {}}}}}));
    BOOST_TEST((w.carried_out(w.number + 1, fine) ==
                actions{tell{severity::info, "key alice closes ssh to 192.0.2.2, window -1 (0.00 ms)"},
                        note{{clock_at(0s), history_entry::kind::revoked, "alice", net4, "ssh", ""}}}));
}

BOOST_AUTO_TEST_CASE(what_was_opened_by_another_length_is_closed_too) {
    networks w;
    w.line.set_terms(with_networks(32));
    w.open(w.of(0, 0), {{here, "ssh", 30s}});
    w.line.set_terms(with_networks(24));
    w.open(w.of(0, -1), {{net4, "ssh", 30s}});
    w.open(w.of(0, -1, there), {{net4, "ssh", 30s}});
    w.judge({w.close(here, -2)});
    BOOST_TEST((w.redeemed(w.number, fine) ==
                actions{close_services{w.number + 1, {{net4, "ssh", {}}, {here, "ssh", {}}}}}));
}

BOOST_AUTO_TEST_CASE(who_revokes_an_address_ends_what_it_comes_in_by) {
    networks w;
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    w.open(w.of(1, 0), {{here, "ssh", 30s}});
    BOOST_TEST(w.revoke("198.51.100.1").empty());
    BOOST_TEST((w.revoke("192.0.2.77") == std::vector<change>{{net4, "ssh", {}}})); // bob's is another's
    w.open(w.of(0, 0, there), {{net4, "ssh", 30s}});
    BOOST_TEST((w.revoke("192.0.2.1") == std::vector<change>{{net4, "ssh", {}}, {here, "ssh", {}}}));
    w.open(w.of(0, -1), {{net4, "ssh", 30s}});
    w.open(w.of(1, -1), {{here, "ssh", 30s}});
    BOOST_TEST((w.revoke("192.0.0.0/16").size() == 2u)); // and a network all within it
    w.judge({w.of(0, -2)});
    BOOST_TEST(w.line.revoke({"", prefix(there), "why"}, {}, at(w.now), clock_at(w.now)).coming == 1u);
}

BOOST_AUTO_TEST_CASE(one_whose_key_is_for_other_networks_now_ends) {
    networks w;
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    w.open(w.of(0, 0, v6), {{net6, "ssh", 30s}});
    BOOST_TEST(w.line.revoke_unentitled(at(w.now), clock_at(w.now)).changes.empty());
    w.line.set_terms(with_networks(28, 64));
    const auto r = w.line.revoke_unentitled(at(w.now), clock_at(w.now));
    BOOST_TEST((r.changes == std::vector<change>{{net4, "ssh", {}}}));
    w.line.revoked(r.number, fine, at(w.now));
    w.number = r.number + 1;
    // A grant to an address is within any network.
    w.open(w.of(1, 0), {{here, "ssh", 30s}});
    w.line.set_terms(with_networks(32, 128));
    BOOST_TEST((w.line.revoke_unentitled(at(w.now), clock_at(w.now)).changes ==
                std::vector<change>{{net6, "ssh", {}}}));
}

BOOST_AUTO_TEST_CASE(those_of_an_earlier_process_are_known) {
    networks w;
    const std::vector<opened_grant> record{{"alice", "a", net4, "ssh", clock_at(-1s), clock_at(29s)}};
    const std::vector<firewall::live_grant> open{{net4, "ssh", 29s}, {here, "ssh", 9s}};
    const auto found = w.line.remember(record, open, at(w.now));
    BOOST_TEST((found.over.empty() && found.unexplained == 1u)); // the address is not the network
    BOOST_TEST((w.line.keys_of(net4, "ssh", at(w.now)) == std::vector<std::string>{"alice"}));
    BOOST_TEST((w.revoke("192.0.2.200") == std::vector<change>{{net4, "ssh", {}}}));
}

BOOST_AUTO_TEST_CASE(one_counts_however_many_come_in_by_it) {
    networks w;
    auto t = with_networks();
    t.keys[0].max_grants = 1;
    w.line.set_terms(std::move(t));
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    w.open(w.of(0, 0, there), {{net4, "ssh", 30s}});
    w.judge({w.of(0, 0, far)});
    BOOST_TEST(w.line.count().refused == 1u);
}

BOOST_AUTO_TEST_CASE(it_lives_while_a_connection_of_any_of_its_addresses_does) {
    networks w;
    auto t = with_networks();
    t.services[0].until_idle = true;
    t.services[0].ports = {*endpoint_range::parse("tcp/22")};
    w.line.set_terms(std::move(t));
    w.open(w.of(0, 0), {{net4, "ssh", 30s}});
    const auto heed = [&](const std::vector<firewall::flow>& live) {
        w.now += 1s;
        return w.line.heed(live, at(w.now), at(w.now), clock_at(w.now));
    };
    const std::vector<firewall::flow> of_another{{transport::tcp, there, 5000, 22}};
    const std::vector<firewall::flow> elsewhere{{transport::tcp, far, 5000, 22}};
    BOOST_TEST(heed(elsewhere).prolongs.changes.empty());
    const auto k = heed(of_another);
    BOOST_TEST((k.prolongs.changes == std::vector<change>{{net4, "ssh", 120s}}));
    w.line.prolonged(k.prolongs.number, fine, at(w.now));
    heed(elsewhere);
    BOOST_TEST((heed(elsewhere).ends.changes == std::vector<change>{{net4, "ssh", {}}}));
}

BOOST_AUTO_TEST_SUITE_END()

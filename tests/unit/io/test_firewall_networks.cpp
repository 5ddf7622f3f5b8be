// Grants to networks in the kernel, and what lives of the connections that came in.
#include "firewall_world.hpp"

#include <algorithm>
#include <cstdlib>

using namespace firewall_test;

namespace {

/// The lab's network of IPv4 around the knocker, and that of IPv6.
const prefix net4(*address::parse(knocker), 24), net6(*address::parse(knocker6), 64);

bool there_is_a_table() { return system("nft list table inet chronoknock >/dev/null 2>&1") == 0; }

struct networks : world {
    networks() {
        for (auto& s : asked.services) {
            s.prefixes4 = {24};
            s.prefixes6 = {64};
        }
    }
    void put(guard& f, const prefix& who, std::optional<nanoseconds> open_for = 60s) {
        const auto done = try_apply(f, {{who, "ssh", open_for}});
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
    }
    io::firewall_backend::live_flows flows(guard& f) {
        std::optional<result<io::firewall_backend::live_flows>> all;
        f->flows([](const firewall::flow& one) { return one.port == 22; }, [&](const auto& r) { all = r; });
        BOOST_TEST_REQUIRE((all && *all));
        return **all;
    }
    /// What lives is known anew.
    std::vector<firewall::flow> flows_of_now(guard& f) {
        const auto now = io::boot_now();
        BOOST_TEST_REQUIRE(run_until([&] { return flows(f).as_of > now; }));
        return flows(f).flows;
    }
    /// Connections of either family to this host's own socket, ended by either means.
    void live_until_either_end_closes_or_resets_them() {
        auto f = guarded();
        add(f, knocker, "ssh");
        add(f, knocker6, "ssh");
        BOOST_TEST(flows_of_now(f).empty());
        for (const auto* who : {knocker, knocker6})
            for (const bool by_reset : {false, true}) {
                auto client = dial(who, address::parse(who)->is_v4() ? lab::server4 : lab::server6, 22);
                BOOST_TEST(fate(client) == "open");
                BOOST_TEST_REQUIRE(lab::readable(ssh));
                lab::descriptor server(accept(ssh.get(), nullptr, nullptr));
                const auto live = flows_of_now(f);
                BOOST_TEST_REQUIRE(live.size() == 1u);
                BOOST_TEST((live[0].peer == *address::parse(who)));
                const linger at_once{by_reset, 0};
                setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
                client = lab::descriptor(-1);
                server = lab::descriptor(-1);
                BOOST_TEST(flows_of_now(f).empty());
            }
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(firewall_networks, networks, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(all_of_a_network_come_in_and_nobody_else) {
    auto f = guarded();
    put(f, net4);
    for (const auto* who : {knocker, stranger}) {
        BOOST_TEST(try_from(who, 22) == "open");
        BOOST_TEST(try_from(who, 80) == "silent");
    }
    BOOST_TEST(try_from("10.10.7.200", 22) == "silent");
    BOOST_TEST(try_from(knocker6, 22) == "silent");
    put(f, net6);
    for (const auto* who : {knocker6, stranger6}) BOOST_TEST(try_from(who, 22) == "open");
    auto all = listed(f);
    BOOST_TEST_REQUIRE(all.size() == 2u);
    std::ranges::sort(all, {}, &io::live_grant::who);
    BOOST_TEST(all[0].who.to_string() == net4.to_string());
    BOOST_TEST(all[1].who.to_string() == net6.to_string());
    // It is not the grant of its first address, nor of one of them.
    add(f, knocker, "ssh");
    put(f, net4, std::nullopt);
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(uses_are_the_networks) {
    for (auto& s : asked.services) s.uses = s.name == "ssh" ? 1 : 2;
    auto f = guarded();
    put(f, net4);
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(try_from(stranger, 22) == "silent");
    BOOST_TEST(live(f) == 0u);
    const auto done = try_apply(f, {{net6, "web", 60s}});
    BOOST_TEST_REQUIRE(done.has_value());
    BOOST_TEST(try_from(knocker6, 80) == "open");
    BOOST_TEST(try_from(stranger6, 80) == "open");
    BOOST_TEST(try_from(knocker6, 80) == "silent");
}

BOOST_AUTO_TEST_CASE(they_outlive_a_restart_a_reload_and_the_tables_loss) {
    {
        auto f = guarded();
        put(f, net4);
        put(f, net6);
    }
    auto f = guarded();
    BOOST_TEST(live(f) == 2u);
    for (auto& s : asked.services) s.prefixes4.insert(20);
    set_up(f);
    BOOST_TEST(live(f) == 2u);
    lab::run("nft delete table inet chronoknock");
    BOOST_TEST(run_until([&] { return there_is_a_table() && live(f) == 2u; }));
    BOOST_TEST(try_from(stranger, 22) == "open");
    // A length that no key has any more: its grants are gone, and to end one is no failure.
    for (auto& s : asked.services) s.prefixes4 = {20};
    set_up(f);
    put(f, net4, std::nullopt);
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(!try_apply(f, {{net4, "ssh", 60s}}).has_value());
    BOOST_TEST(live(f) == 1u);
}

BOOST_AUTO_TEST_CASE(who_came_in_by_a_network_is_no_stranger_when_the_table_is_lost) {
    auto f = guarded();
    flows_of_now(f); // a round is over
    put(f, net4);
    const auto client = dial(stranger, lab::server4, 22);
    BOOST_TEST(fate(client) == "open");
    lab::run("nft delete table inet chronoknock");
    BOOST_TEST(run_until([&] { return there_is_a_table(); }));
    BOOST_TEST_REQUIRE(lab::readable(ssh));
    const lab::descriptor server(accept(ssh.get(), nullptr, nullptr));
    BOOST_TEST(send(client.get(), "x", 1, 0) == 1);
    BOOST_TEST(lab::readable(server));
}

BOOST_AUTO_TEST_CASE(a_connection_lives_until_either_end_closes_or_resets_it) {
    live_until_either_end_closes_or_resets_them();
}

// Those to this host itself do so at a gateway as well, or two forged packets would keep a grant alive.
BOOST_AUTO_TEST_CASE(at_a_gateway_it_does_as_well) {
    asked.also_for = {*prefix::parse("198.51.100.0/24")};
    live_until_either_end_closes_or_resets_them();
}

BOOST_AUTO_TEST_SUITE_END()

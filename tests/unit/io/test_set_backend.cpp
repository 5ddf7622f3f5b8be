// The backends nft-set and ipset, with the real kernel: the operator's rules shut the ports, and refer to
// sets.
#include "firewall_world.hpp"

#include "io/firewall/set_backend.hpp"

#include <algorithm>

using namespace firewall_test;

namespace {

constexpr auto nft_rules = R"(table inet filter {
    set allowed4 { type ipv4_addr; flags timeout; }
    set allowed6 { type ipv6_addr; flags timeout; }
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        tcp dport 7 accept
        ip saddr @allowed4 tcp dport 22 accept
        ip6 saddr @allowed6 tcp dport 22 accept
    }
}
)";

void nft(const std::string& script) { lab::run("nft -f - <<'END'\n" + script + "\nEND\n"); }

struct set_world : world {
    bool is_ipset = false;

    set_world() {
        asked = rules{{make_service("ssh", {"tcp/22"})}, {}, {}};
        asked.services[0].set4 = "allowed4";
        asked.services[0].set6 = "allowed6";
    }
    guard open_sets() {
        auto f = is_ipset ? io::open_ipset(context) : io::open_nft_set(context);
        BOOST_TEST_REQUIRE(f.has_value(), (f ? "" : f.error().text));
        return std::move(*f);
    }
    guard ready() {
        auto f = open_sets();
        const auto done = f->prepare_now(asked);
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().text));
        return f;
    }
    std::string refusal() {
        auto f = open_sets();
        const auto done = f->prepare_now(asked);
        return done ? "none" : done.error().text;
    }
};

struct nft_world : set_world {
    nft_world() {
        asked.sets_in = {"inet", "filter"};
        nft(nft_rules);
    }
};

struct ipset_world : set_world {
    ipset_world() {
        is_ipset = true;
        lab::run("ipset create allowed4 hash:ip timeout 0 && ipset create allowed6 hash:ip family inet6 "
                 "timeout 0");
        for (const std::string tables : {"iptables", "ip6tables"}) {
            const auto set = tables == "iptables" ? "allowed4" : "allowed6";
            lab::run(tables + " -w -P INPUT DROP && " + tables + " -w -A INPUT -i lo -j ACCEPT && " + tables +
                     " -w -A INPUT -p tcp --dport 7 -j ACCEPT && " + tables +
                     " -w -A INPUT -p tcp --dport 22 -m set --match-set " + set + " src -j ACCEPT");
        }
        lab::run("ip6tables -w -A INPUT -p icmpv6 -j ACCEPT");
    }
};

boost::test_tools::assertion_result has_ipset(boost::unit_test::test_unit_id id) {
    auto yes = lab::is_root(id);
    if (yes && system("ipset -v >/dev/null 2>&1 && iptables -w -m set --help >/dev/null 2>&1") != 0) {
        yes = boost::test_tools::assertion_result(false);
        yes.message() << "needs ipset";
    }
    return yes;
}

void open_and_shut(set_world& w) {
    auto f = w.ready();
    for (const auto& who : {knocker, knocker6}) {
        BOOST_TEST(w.try_from(who, 22) == "silent");
        w.add(f, who, "ssh");
        BOOST_TEST(w.try_from(who, 22) == "open");
    }
    BOOST_TEST(w.try_from(stranger, 22) == "silent");
    BOOST_TEST(w.live(f) == 2u);
    w.close(f, knocker, "ssh");
    BOOST_TEST(w.try_from(knocker, 22) == "silent");
    BOOST_TEST(w.try_from(knocker6, 22) == "open");
    w.close(f, stranger, "ssh"); // who is not there
    BOOST_TEST(w.live(f) == 1u);
    // The next process knows of them, and withdraw() takes out what is ours.
    f = nullptr;
    f = w.ready();
    BOOST_TEST(w.live(f) == 1u);
    BOOST_TEST(w.remove(f));
    BOOST_TEST(w.try_from(knocker6, 22) == "silent");
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(nft_set_backend, nft_world, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(opens_and_shuts_both_families) { open_and_shut(*this); }

BOOST_AUTO_TEST_CASE(a_grant_ends_in_the_kernel) {
    auto f = ready();
    add(f, knocker, "ssh", 2s);
    BOOST_TEST(try_from(knocker, 22) == "open");
    f = nullptr; // whoever is there to see it
    BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "silent"; }));
}

BOOST_AUTO_TEST_CASE(a_renewed_grant_lasts_from_then_on) {
    auto f = ready();
    add(f, knocker, "ssh", 400ms);
    add(f, knocker, "ssh", 60s);
    BOOST_TEST_REQUIRE(live(f) == 1u);
    BOOST_TEST((listed(f)[0].left > 50s));
    BOOST_TEST(lab::output_of("nft list set inet filter allowed4").find("timeout 1m") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_one_knock_asks_for_is_opened_as_a_whole) {
    asked.services[0].set6.clear();
    auto f = ready();
    const auto who4 = *address::parse(knocker), who6 = *address::parse(knocker6);
    const auto done = try_apply(f, {{who4, "ssh", 60s}, {who6, "ssh", 60s}});
    BOOST_TEST(done.error().text == "firewall: [service.ssh] has no set for IPv6 addresses");
    BOOST_TEST(live(f) == 0u);
    BOOST_TEST(try_from(knocker, 22) == "silent");
    // What is to be closed is closed all the same.
    add(f, knocker, "ssh");
    BOOST_TEST(!try_apply(f, {{who6, "ssh", 60s}, {who4, "ssh", {}}}).has_value());
    BOOST_TEST(try_from(knocker, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(sets_that_do_not_fit_are_refused) {
    asked.services[0].set4 = "missing";
    BOOST_TEST(refusal() ==
               "[service.ssh] set4: the set missing of table inet filter is not there: make it, and "
               "rules that refer to it");
    const auto unfit = [&](const std::string& definition) {
        nft("add set inet filter other { " + definition + "; }");
        asked.services[0].set4 = "other";
        const auto text = refusal();
        nft("delete set inet filter other");
        return text;
    };
    const std::string expected =
        "[service.ssh] set4: the set other of table inet filter: expected a set with type "
        "ipv4_addr and flags timeout, without interval";
    BOOST_TEST(unfit("type ipv4_addr") == expected);
    BOOST_TEST(unfit("type ipv6_addr; flags timeout") == expected);
    BOOST_TEST(unfit("type ipv4_addr . inet_service; flags timeout") == expected);
    BOOST_TEST(unfit("type ipv4_addr; flags interval,timeout") == expected);
    asked.sets_in = {"ip", "filter"};
    BOOST_TEST(refusal() ==
               "[service.ssh] set4: the set other of table ip filter is not there: make it, and rules "
               "that refer to it");
}

BOOST_AUTO_TEST_CASE(what_others_have_put_there_is_left_alone) {
    nft("add element inet filter allowed4 { 10.10.0.1, 10.10.0.3 timeout 1h comment \"mine\" }");
    auto f = ready();
    BOOST_TEST(live(f) == 0u);
    const auto theirs = lab::output_of("nft -s list set inet filter allowed4");
    for (const auto* who : {"10.10.0.1", "10.10.0.3"}) {
        add(f, who, "ssh");
        close(f, who, "ssh");
    }
    BOOST_TEST(lab::output_of("nft -s list set inet filter allowed4") == theirs);
    BOOST_TEST(try_from(knocker, 22) == "open");
    BOOST_TEST(live(f) == 0u);
}

BOOST_AUTO_TEST_CASE(what_a_longer_grant_took_the_place_of_is_there_again_when_that_is_ended) {
    nft("add element inet filter allowed4 { 10.10.0.1 timeout 1h comment \"mine\" }");
    auto f = ready();
    add(f, knocker, "ssh", 2h);
    add(f, knocker, "ssh", 3h); // renewed
    BOOST_TEST(live(f) == 1u);
    close(f, knocker, "ssh");
    const auto theirs = lab::output_of("nft list set inet filter allowed4");
    BOOST_TEST(theirs.find("10.10.0.1") != std::string::npos);
    BOOST_TEST(theirs.find("comment \"mine\"") != std::string::npos);
    // What is left of it: less than an hour, or the kernel's clock has not ticked yet.
    BOOST_TEST((theirs.find("expires 59m") != theirs.npos || theirs.find("expires 1h ") != theirs.npos),
               theirs);
    BOOST_TEST(live(f) == 0u);
    close(f, knocker, "ssh"); // it is none of ours
    BOOST_TEST(try_from(knocker, 22) == "open");
    // What was gone by then is not.
    nft("add element inet filter allowed4 { 10.10.0.3 timeout 200ms }");
    add(f, "10.10.0.3", "ssh", 2h);
    const auto over = io::boot_now() + 300ms;
    BOOST_TEST(run_until([&] { return io::boot_now() > over; }));
    close(f, "10.10.0.3", "ssh");
    BOOST_TEST(lab::output_of("nft list set inet filter allowed4").find("10.10.0.3") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_set_that_is_gone_is_in_the_way_of_no_other_change) {
    auto f = ready();
    add(f, knocker, "ssh");
    add(f, knocker6, "ssh");
    // As a reload may find them that takes the other set's service away.
    nft("table inet filter {}\nflush chain inet filter input\ndelete set inet filter allowed4");
    set_up(f);
    BOOST_TEST(!try_apply(f, {{*address::parse(stranger), "ssh", 60s}}).has_value());
    close(f, knocker6, "ssh"); // as a key's removal does
    nft(std::string("flush ruleset\n") + nft_rules);
    BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "open"; }));
    BOOST_TEST(live(f) == 1u);
    // One that was never there is refused.
    asked.services[0].set4 = "missing";
    BOOST_TEST(!try_set_up(f).has_value());
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_does_not_keep_the_rest_out) {
    auto f = ready();
    add(f, "10.10.0.2", "ssh");
    add(f, knocker, "ssh");
    add(f, knocker6, "ssh");
    std::string small(nft_rules);
    const std::string set4 = "type ipv4_addr; flags timeout;";
    small.replace(small.find(set4), set4.size(), set4 + " size 1;");
    nft("flush ruleset\n" + small);
    BOOST_TEST(run_until([&] { return try_from(knocker6, 22) == "open"; }));
    const auto there = [&](const std::string& who) {
        return lab::output_of("nft list set inet filter allowed4").find(who + " ") != std::string::npos;
    };
    BOOST_TEST_REQUIRE(there("10.10.0.1"));
    BOOST_TEST(!there("10.10.0.2"));
    // The next look finds room.
    nft("delete element inet filter allowed4 { 10.10.0.1 }\nadd table inet other");
    BOOST_TEST(run_until([&] { return there("10.10.0.1") || there("10.10.0.2"); }));
}

BOOST_AUTO_TEST_CASE(rules_that_are_loaded_anew_get_the_open_grants_again) {
    auto f = ready();
    add(f, knocker, "ssh");
    add(f, knocker6, "ssh");
    nft(std::string("flush ruleset\n") + nft_rules);
    BOOST_TEST(
        run_until([&] { return try_from(knocker, 22) == "open" && try_from(knocker6, 22) == "open"; }));
    BOOST_TEST(try_from(stranger, 22) == "silent");
    // Taken out by hand it stays out.
    nft("delete element inet filter allowed4 { 10.10.0.1 }");
    BOOST_TEST(live(f) == 1u);
    BOOST_TEST(try_from(knocker, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(a_table_that_is_gone_is_told_and_taken_up_when_it_is_back) {
    auto f = ready();
    add(f, knocker, "ssh");
    nft("delete table inet filter");
    BOOST_TEST(try_apply(f, {{*address::parse(stranger), "ssh", 60s}}).error().text ==
               "firewall: the set allowed4 of table inet filter is not there");
    nft(nft_rules);
    BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "open"; }));
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(a_service_without_a_set_for_a_family_says_so) {
    asked.services[0].set6.clear();
    auto f = ready();
    BOOST_TEST(try_apply(f, {{*address::parse(knocker6), "ssh", 60s}}).error().text ==
               "firewall: [service.ssh] has no set for IPv6 addresses");
}

BOOST_AUTO_TEST_CASE(a_service_that_has_another_set_begins_without_grants) {
    auto f = ready();
    add(f, knocker, "ssh");
    nft("add set inet filter other { type ipv4_addr; flags timeout; }");
    asked.services[0].set4 = "other";
    set_up(f);
    BOOST_TEST(try_from(knocker, 22) == "silent");
    BOOST_TEST(live(f) == 0u);
    asked.services[0].set4 = "none";
    BOOST_TEST(!try_set_up(f).has_value());
    add(f, knocker, "ssh"); // still into the other
    BOOST_TEST(lab::output_of("nft list set inet filter other").find("10.10.0.1") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(ipset_backend, ipset_world, *boost::unit_test::precondition(has_ipset))

BOOST_AUTO_TEST_CASE(opens_and_shuts_both_families) { open_and_shut(*this); }

BOOST_AUTO_TEST_CASE(a_grant_ends_in_the_kernel) {
    auto f = ready();
    add(f, knocker, "ssh", 2s);
    BOOST_TEST(try_from(knocker, 22) == "open");
    f = nullptr;
    BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "silent"; }));
}

BOOST_AUTO_TEST_CASE(sets_that_do_not_fit_are_refused) {
    asked.services[0].set4 = "missing";
    BOOST_TEST(refusal() ==
               "[service.ssh] set4: the set missing is not there: make it, and rules that refer to it");
    for (const auto* type : {"hash:ip", "hash:ip family inet6 timeout 0", "hash:net timeout 0",
                             "hash:ip timeout 0 netmask 24"}) {
        lab::run(std::string("ipset create other ") + type);
        asked.services[0].set4 = "other";
        BOOST_TEST(refusal() == "[service.ssh] set4: the set other: expected hash:ip family inet timeout 0, "
                                "without netmask or bitmask");
        lab::run("ipset destroy other");
    }
}

BOOST_AUTO_TEST_CASE(what_stays_for_ever_is_not_ours) {
    lab::run("ipset add allowed4 10.10.0.1");
    auto f = ready();
    BOOST_TEST(live(f) == 0u);
    add(f, knocker, "ssh");
    close(f, knocker, "ssh");
    BOOST_TEST(lab::output_of("ipset list allowed4").find("10.10.0.1 timeout 0") != std::string::npos);
    BOOST_TEST(try_from(knocker, 22) == "open");
}

BOOST_AUTO_TEST_CASE(what_a_longer_grant_took_the_place_of_is_there_again_when_that_is_ended) {
    auto f = ready();
    lab::run("ipset add allowed4 10.10.0.1 timeout 999");
    add(f, knocker, "ssh", 2h);
    close(f, knocker, "ssh");
    const auto list = lab::output_of("ipset list allowed4");
    BOOST_TEST(list.find("timeout 99") != std::string::npos, list);
}

BOOST_AUTO_TEST_CASE(a_set_that_is_emptied_gets_the_open_grants_again) {
    auto f = ready();
    add(f, knocker, "ssh");
    lab::run("ipset flush");
    BOOST_TEST(run_until([&] { return try_from(knocker, 22) == "open"; }));
    BOOST_TEST(try_from(stranger, 22) == "silent");
}

BOOST_AUTO_TEST_SUITE_END()

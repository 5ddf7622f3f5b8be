#include "firewall/backend.hpp"

#include "firewall/deadlines.hpp"
#include "firewall/ledger.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::firewall;
using namespace std::chrono_literals;

namespace {

const auto alice = *address::parse("192.0.2.1"), bob = *address::parse("2001:db8::2");
constexpr instant now{1h};

change open(const address& who, const char* service, nanoseconds open_for) {
    return {who, service, open_for};
}
change close(const address& who, const char* service) { return {who, service, {}}; }

} // namespace

BOOST_AUTO_TEST_SUITE(abilities_of_backends)

BOOST_AUTO_TEST_CASE(rules_ask_for_no_more_than_a_backend_can_do) {
    const backend least{"least", {}}, all{"all", {true, true, true, true, true}},
        guard{"guard", {.guard = true}};
    rules r;
    r.services.resize(1);
    r.services[0].name = "ssh";
    BOOST_TEST(check(r, least).has_value());
    r.services[0].uses = 1;
    BOOST_TEST(check(r, least).error().text == "[service.ssh] uses: the backend least has no such thing");
    BOOST_TEST(check(r, all).has_value());
    r.services[0].uses = 0;
    r.services[0].until_idle = true;
    BOOST_TEST(check(r, least).error().text ==
               "[service.ssh] until = idle: the backend least has no such thing");
    BOOST_TEST(check(r, all).has_value());
    r.services[0].until_idle = false;
    r.services[0].prefixes6 = {64};
    BOOST_TEST(check(r, least).error().text ==
               "prefix4 or prefix6 of a key that opens [service.ssh]: the backend least has no such thing");
    BOOST_TEST(check(r, all).has_value());
    r.services[0].prefixes6.clear();
    r.always_allow = {*prefix::parse("192.0.2.0/24")};
    BOOST_TEST(check(r, least).error().text ==
               "[firewall] always_allow: the backend least has no such thing");
    BOOST_TEST(check(r, all).has_value());
    r.always_allow.clear();
    r.also_for = {*prefix::parse("192.0.2.0/24")};
    BOOST_TEST(check(r, guard).error().text == "[capture] also_for: the backend guard has no such thing");
    BOOST_TEST(check(r, all).has_value());
    BOOST_TEST(check(r, least).has_value()); // the operator's rules guard what is behind
    r.unauthorized = unauthorized::reset;
    BOOST_TEST(check(r, all).has_value());
    BOOST_TEST(check(r, least).error().text ==
               "[firewall] unauthorized = reset: the backend least has no such thing");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(deadlines_of_grants)

BOOST_AUTO_TEST_CASE(the_next_one_is_told_and_what_is_due_is_closed_in_order) {
    deadlines d;
    BOOST_TEST(!d.next());
    BOOST_TEST(d.due(now).empty());
    d.note(open(alice, "ssh", 30s), now);
    d.note(open(bob, "ssh", 10s), now);
    d.note(open(alice, "web", 20s), now);
    BOOST_TEST((d.next() == now + 10s));
    BOOST_TEST(d.due(now + 10s - 1ns).empty());
    BOOST_TEST((d.due(now + 20s) == std::vector{close(bob, "ssh"), close(alice, "web")}));
    BOOST_TEST((d.next() == now + 30s));
    BOOST_TEST(d.due(now + 20s).empty());
    BOOST_TEST((d.due(now + 1h) == std::vector{close(alice, "ssh")}));
    BOOST_TEST(!d.next());
    BOOST_TEST(d.size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_renewed_grant_has_one_deadline_and_a_closed_one_none) {
    deadlines d;
    d.note(open(alice, "ssh", 10s), now);
    d.note(open(alice, "ssh", 30s), now + 5s);
    BOOST_TEST(d.size() == 1u);
    BOOST_TEST((d.next() == now + 35s));
    d.note(open(alice, "ssh", 1s), now + 6s); // shorter, too: the last one counts
    BOOST_TEST((d.next() == now + 7s));
    d.note(open(bob, "ssh", 2s), now + 6s);
    d.note(close(alice, "ssh"), now + 6s);
    d.note(close(alice, "web"), now + 6s); // never opened
    BOOST_TEST(d.size() == 1u);
    BOOST_TEST((d.due(now + 1h) == std::vector{close(bob, "ssh")}));
}

BOOST_AUTO_TEST_CASE(grants_that_end_at_one_moment_all_end) {
    deadlines d;
    for (const auto& who : {alice, bob})
        for (const auto* service : {"ssh", "web"}) d.note(open(who, service, 10s), now);
    BOOST_TEST(d.due(now + 10s).size() == 4u);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_closed_comes_again) {
    deadlines d;
    d.note(open(alice, "ssh", 10s), now);
    for (const auto& c : d.due(now + 10s)) d.note({c.who, c.service, 1s}, now + 10s);
    BOOST_TEST((d.due(now + 11s) == std::vector{close(alice, "ssh")}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ledger_of_grants)

BOOST_AUTO_TEST_CASE(a_network_had_a_grant_for_its_addresses) {
    ledger l;
    const auto net = prefix(alice, 24);
    l.note({net, "ssh", 30s}, now);
    BOOST_TEST(l.had_grant(*address::parse("192.0.2.200"), "ssh", now));
    BOOST_TEST(!l.had_grant(*address::parse("192.0.3.1"), "ssh", now));
    BOOST_TEST(!l.had_grant(*address::parse("192.0.2.200"), "web", now));
    BOOST_TEST((l.open(now) == std::vector<live_grant>{{net, "ssh", 30s}}));
    l.note(open(alice, "ssh", 30s), now); // beside it
    BOOST_TEST(l.open(now).size() == 2u);
    l.keep([&](const prefix& who, const std::string&) { return who.is_single(); });
    BOOST_TEST((l.open(now) == std::vector<live_grant>{{alice, "ssh", 30s}}));
}

BOOST_AUTO_TEST_CASE(a_closed_grant_is_not_open_and_was) {
    ledger l;
    l.note(open(alice, "ssh", 30s), now);
    l.note(open(bob, "ssh", 30s), now);
    BOOST_TEST((l.open(now + 10s) == std::vector<live_grant>{{bob, "ssh", 20s}, {alice, "ssh", 20s}}));
    l.note(close(alice, "ssh"), now + 10s);
    l.note(close(alice, "web"), now + 10s);
    BOOST_TEST((l.open(now + 10s) == std::vector<live_grant>{{bob, "ssh", 20s}}));
    // Whoever came in by it is no stranger yet.
    BOOST_TEST(l.had_grant(alice, "ssh", now + 10s));
    BOOST_TEST(!l.had_grant(alice, "ssh", now + 11s));
    BOOST_TEST(!l.had_grant(alice, "web", now));
    l.note(close(bob, "ssh"), now + 40s); // over already: closing prolongs nothing
    BOOST_TEST(!l.had_grant(bob, "ssh", now + 31s));
}

BOOST_AUTO_TEST_SUITE_END()

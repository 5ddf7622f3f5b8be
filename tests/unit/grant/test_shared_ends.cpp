// Keys of a fleet: what closes, and what is revoked, on this host and on others.
#include "shared_lab.hpp"

using namespace shared_lab;

BOOST_FIXTURE_TEST_SUITE(shared_ends, world)

BOOST_AUTO_TEST_CASE(what_is_revoked_on_its_way_is_known_when_the_fleet_has_burnt_it) {
    const auto r = judged("1");
    BOOST_TEST(!line.revoked_on_its_way(r.batch));
    granting::revocation of_alice;
    of_alice.key = "alice";
    of_alice.why = "by root";
    (void)line.revoke(of_alice, {}, now, clock());
    const auto token = line.revoked_on_its_way(r.batch);
    BOOST_REQUIRE(token.has_value());
    BOOST_TEST(token->identity == "1");
    (void)line.shared_redeemed(r.batch, {kind::burnt, ""}, now);
    BOOST_TEST(!holds());
    BOOST_TEST(!line.revoked_on_its_way(r.batch));
}

BOOST_AUTO_TEST_CASE(a_close_of_the_fleets_spares_a_key_of_the_same_secret_that_is_not_its) {
    auto both = known();
    both.keys[1].fingerprint = "a";
    world w(both);
    claim c = w.knock("1");
    c.key = 1;
    c.once.key = "b";
    const auto todo = w.line.judge(std::vector{c}, w.now, {w.clock(), 0s});
    const auto asked = w.line.redeemed(std::get<redeem>(todo.at(0)).batch, {}, w.now);
    w.line.carried_out(std::get<open_services>(asked.at(0)).knock, {}, w.now);
    BOOST_TEST(w.holds());
    (void)w.shared({.opened = {}, .closed = {w.from("other", "9")}});
    BOOST_TEST(w.ends.changes.empty());
}

BOOST_AUTO_TEST_CASE(what_another_host_closes_is_closed) {
    const auto g = from("beta", "x");
    shared({.opened = {g}});
    shared({.closed = {g}});
    BOOST_TEST((ends.changes == std::vector<firewall::change>{{here, "web", std::nullopt}}));
    line.revoked(ends.number, {}, now);
    BOOST_TEST(!holds());
    // An old entry that somebody puts back revives nothing.
    BOOST_TEST(shared({.opened = {g}}).empty());
    BOOST_TEST(shared({.opened = {g}, .whole = true}).empty());
}

BOOST_AUTO_TEST_CASE(a_close_that_comes_late_spares_the_next_knock) {
    const auto old = from("beta", "x");
    shared({.opened = {old}});
    const auto r = judged("y"); // on its way
    shared({.closed = {old}});
    line.revoked(ends.number, {}, now);
    const auto asked = line.shared_redeemed(r.batch, {kind::burnt, ""}, now);
    BOOST_TEST(std::holds_alternative<open_services>(asked.at(0)));
    // But one of itself stops it.
    const auto s = judged("z");
    shared({.closed = {from("alpha", "z")}});
    BOOST_TEST(
        !std::holds_alternative<open_services>(line.shared_redeemed(s.batch, {kind::burnt, ""}, now).at(0)));
}

BOOST_AUTO_TEST_CASE(what_was_closed_while_this_host_was_away_is_closed) {
    const auto g = from("beta", "x");
    const auto of_other =
        shared_grant{"a", "alice", there, "web", epoch, "y", clock(), clock() + 30s, "beta"};
    const std::vector<opened_grant> record{{"alice", "a", here, "web", g.accepted, g.until},
                                           {"alice", "a", there, "web", g.accepted, g.until},
                                           {"bob", "b", here, "web", g.accepted, g.until}};
    const std::vector<firewall::live_grant> open{{here, "web", 20s}, {there, "web", 20s}};
    world again;
    again.line = pipeline(replay_guard({}, {}), known());
    again.line.remember(record, open, again.now);
    again.shared({}); // part of it tells nothing
    BOOST_TEST(again.ends.number == 0u);
    again.shared({.opened = {of_other}, .whole = true});
    // The firewall's opening goes on: it is another key's as well.
    BOOST_TEST((again.ends.changes == std::vector<firewall::change>{{here, "web", 20s}}));
    BOOST_TEST((again.line.keys_of(here, "web", again.now) == std::vector<std::string>{"bob"}));
    BOOST_TEST((again.line.keys_of(there, "web", again.now) == std::vector<std::string>{"alice"}));
}

BOOST_AUTO_TEST_CASE(what_is_revoked_before_it_could_be_opened_stays_shut) {
    const granting::revocation of_alice{"alice", {}, "by root"};
    const auto r = judged("x");
    const auto g = from("beta", "x");
    shared({.opened = {g}}); // nobody knows whose it is
    (void)line.revoke(of_alice, {}, now, clock());
    line.shared_redeemed(r.batch, {kind::repeated, ""}, now);
    BOOST_TEST(!line.owes_opening());
    BOOST_TEST(shared({}).empty());
    world failed;
    failed.opens = false;
    failed.shared({.opened = {g}});
    BOOST_TEST(failed.line.owes_opening());
    (void)failed.line.revoke(of_alice, {}, failed.now, failed.clock());
    BOOST_TEST(!failed.line.owes_opening());
}

BOOST_AUTO_TEST_CASE(a_copy_that_lost_does_not_revive_what_was_closed_since) {
    const auto r = judged("x");
    const auto g = from("beta", "x");
    line.shared_redeemed(r.batch, {kind::repeated, ""}, now);
    shared({.closed = {g}}); // it was opened and closed at once
    BOOST_TEST(shared({.opened = {g}}).empty());
}

BOOST_AUTO_TEST_CASE(closes_wait_for_no_clock) {
    const auto g = from("beta", "x");
    shared({.opened = {g}});
    auto closing = line.share_closed({.closed = {g}}, now, clock() - std::chrono::hours(24));
    BOOST_TEST((closing.changes == std::vector<firewall::change>{{here, "web", std::nullopt}}));
    line.revoked(closing.number, {}, now);
    BOOST_TEST(!holds());
    BOOST_TEST(line.share_closed({.opened = {from("beta", "y")}}, now, clock()).number == 0u);
    BOOST_TEST(!line.guard().is_burnt("a", epoch, "y")); // what opens waits
}

BOOST_AUTO_TEST_SUITE_END()

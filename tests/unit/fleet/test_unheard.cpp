// Grants that were revoked before this host had heard of them, and tries whose answers were lost.
#include "lab.hpp"

#include "fleet/attempts.hpp"
#include "fleet/unheard.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

namespace {

granting::shared_changes opened(std::int64_t place, const std::string& key = "K") {
    return {.opened = {grant_of(token(place, "x", key), "b")}};
}

bool of_k(const granting::shared_grant& g) { return g.key == "K"; }

} // namespace

BOOST_AUTO_TEST_SUITE(unheards)

BOOST_AUTO_TEST_CASE(what_was_accepted_before_a_revocation_ends_when_it_is_heard_of) {
    unheard u;
    u.revoke(of_k, noon);
    BOOST_TEST(u.waits());
    auto c = opened(100);
    c.opened.push_back(grant_of(token(100, "x", "other"), "b"));
    BOOST_TEST(u.withhold(c));
    BOOST_REQUIRE(c.closed.size() == 1u);
    BOOST_TEST(c.closed[0].key == "K");
    BOOST_REQUIRE(c.opened.size() == 1u);
    BOOST_TEST(c.opened[0].key == "other");
    c = opened(101);
    c.opened[0].accepted = noon + 1ns;
    BOOST_TEST(!u.withhold(c)); // the next knock
    BOOST_TEST(c.opened.size() == 1u);
}

BOOST_AUTO_TEST_CASE(it_is_over_once_all_is_heard_of_that_was_there) {
    unheard u;
    u.revoke(of_k, noon);
    const auto asked = u.last();
    u.revoke(of_k, noon);
    u.caught_up(asked);
    BOOST_TEST(u.waits());
    u.caught_up(u.last());
    BOOST_TEST(!u.waits());
    auto c = opened(100);
    BOOST_TEST(!u.withhold(c));
}

BOOST_AUTO_TEST_CASE(a_knock_that_was_revoked_on_its_way_opens_nothing_whenever_it_is_heard_of) {
    unheard u;
    u.revoke(token(100));
    BOOST_TEST(!u.waits()); // no echo tells that it is over
    u.caught_up(u.last());
    auto c = opened(100);
    c.opened[0].accepted = noon + 1h;
    BOOST_TEST(u.withhold(c));
    BOOST_TEST(c.opened.empty());
    c = opened(101);
    BOOST_TEST(!u.withhold(c));
}

BOOST_AUTO_TEST_CASE(their_memory_is_bounded) {
    unheard u;
    for (std::size_t i = 0; i <= unheard::most; ++i) u.revoke(token(static_cast<std::int64_t>(i)));
    BOOST_TEST(!u.is_meant(opened(0).opened[0]));
    BOOST_TEST(u.is_meant(opened(1).opened[0]));
    u.revoke(of_k, noon);
    for (std::size_t i = 0; i < unheard::most; ++i)
        u.revoke([](const granting::shared_grant&) { return false; }, noon);
    BOOST_TEST(!u.is_meant(opened(5000).opened[0]));
}

BOOST_AUTO_TEST_CASE(a_second_try_after_a_lost_answer_finds_the_token_its_own) {
    const seal s("/t", secret);
    store etcd;
    attempts tried;
    const auto name = s.name_of(token(100));
    attempt_id first{}, second{};
    first.fill(1);
    second.fill(2);
    BOOST_TEST((tried.of(name, first) == first));
    auto lost = redeems(s, token(100), "a", tried.of(name, first)[0]);
    etcd.apply(lost.request({1, 2})); // and nobody hears what it said
    tried.failed(name, first);
    auto again = redeems(s, token(100), "a", tried.of(name, second)[0]);
    BOOST_TEST((run(again, etcd).is == granting::shared_outcome::kind::burnt));
    tried.settled(name);
    auto copy = redeems(s, token(100), "a", tried.of(name, second)[0]);
    BOOST_TEST((run(copy, etcd).is == granting::shared_outcome::kind::refused));
    for (std::size_t i = 0; i <= attempts::most; ++i) tried.failed(std::to_string(i), first);
    BOOST_TEST((tried.of("0", second) == second));
    BOOST_TEST((tried.of("1", second) == first));
}

BOOST_AUTO_TEST_SUITE_END()

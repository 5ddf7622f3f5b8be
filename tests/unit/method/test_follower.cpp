// A tracker that has its addresses where another has them.
#include "fixture.hpp"
#include "method/tracker.hpp"

#include <algorithm>
#include <memory>
#include <random>

using namespace chronoknock;
using namespace chronoknock::method;
using chronoknock::time_sequence::lab;

namespace {

packet::event syn(std::uint32_t n, std::uint16_t port) {
    return lab::syn(lab::ip(n), 1, port, n * 1000u + port);
}

constexpr hash_seed seed{1, 2, 3, 4};
constexpr auto other_wait = static_cast<std::uint8_t>(tracker::soon << 1);

struct pair_of_trackers {
    std::shared_ptr<tracker> leader =
        std::make_shared<tracker>(tracker::settings{4, 8, 2, seconds(10)}, seed);
    std::shared_ptr<tracker> follower = std::make_shared<tracker>(leader->made_with(), seed, leader);

    /// Both see it.
    tracker::slot observe(std::uint32_t n, std::uint16_t port) {
        const auto s = leader->observe(syn(n, port), lab::at(1));
        BOOST_TEST(follower->observe(syn(n, port), lab::at(1)) == s);
        return s;
    }
    /// So many addresses that were not there.
    void strangers(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) observe(++stranger, 1);
    }
    std::uint32_t stranger = 1000;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(each_has_a_history_of_its_own, pair_of_trackers) {
    const auto s = observe(1, 100);
    leader->observe(syn(1, 101), lab::at(1));
    BOOST_TEST(leader->count(s) == 2u);
    BOOST_TEST(follower->count(s) == 1u);
    leader->forget(s, [](std::uint16_t) { return true; });
    BOOST_TEST(follower->count(s) == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_the_leader_does_not_see_keeps_a_place_too, pair_of_trackers) {
    const auto s = follower->observe(syn(1, 100), lab::at(1));
    strangers(3);
    BOOST_TEST(follower->observe(syn(1, 101), lab::at(1)) == s);
    BOOST_TEST(follower->count(s) == 2u);
    BOOST_TEST(leader->count(s) == 0u);
    strangers(3);
    BOOST_TEST(follower->count(follower->observe(syn(1, 102), lab::at(1))) == 3u);
}

BOOST_FIXTURE_TEST_CASE(nobody_has_what_was_anothers, pair_of_trackers) {
    const auto s = observe(1, 100);
    follower->observe(syn(1, 101), lab::at(1));
    for (auto given = s + 1; given != s;) given = leader->observe(syn(++stranger, 1), lab::at(1));
    // The follower has not seen him, and still speaks of who was there.
    BOOST_TEST((leader->who(s) == lab::ip(stranger)));
    BOOST_TEST((follower->who(s) == lab::ip(1)));
    BOOST_TEST(follower->observe(syn(stranger, 7), lab::at(1)) == s);
    BOOST_TEST((follower->who(s) == lab::ip(stranger)));
    BOOST_TEST(follower->count(s) == 1u);
}

BOOST_FIXTURE_TEST_CASE(who_waits_here_keeps_his_place_there, pair_of_trackers) {
    const auto s = observe(1, 100);
    follower->begin_wait(s, other_wait);
    follower->begin_wait(s, tracker::soon);
    BOOST_TEST(leader->waits(s) == 0);
    strangers(9);
    BOOST_TEST(observe(1, 101) == s);
    BOOST_TEST(follower->count(s) == 2u);
    follower->end_wait(s, other_wait);
    strangers(4);
    observe(1, 102);
    BOOST_TEST(follower->count(observe(1, 103)) == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_follower_that_ends_lets_go, pair_of_trackers) {
    auto s = observe(1, 100);
    follower->begin_wait(s, other_wait);
    follower->let_go();
    strangers(4);
    BOOST_TEST((leader->who(s) != lab::ip(1)));
    s = observe(1, 100);
    follower->begin_wait(s, other_wait);
    follower.reset();
    for (std::uint32_t n = 10; n < 14; ++n) leader->observe(syn(n, 1), lab::at(1));
    BOOST_TEST((leader->who(s) != lab::ip(1)));
}

BOOST_FIXTURE_TEST_CASE(who_has_no_place_any_more_keeps_nobody_elses, pair_of_trackers) {
    for (int i = 0; i < 8; ++i) {
        const auto s = observe(1, 100);
        // The leader gives it to somebody whom the follower has not seen; then the follower looks at it.
        while (leader->who(s) == lab::ip(1)) leader->observe(syn(++stranger, 1), lab::at(1));
        follower->begin_wait(s, other_wait);
        // Heard of here too, he waits for nothing, and what waited for the one before ends.
        BOOST_TEST(follower->observe(syn(stranger, 2), lab::at(1)) == s);
        BOOST_TEST(follower->waits(s) == 0);
        follower->end_wait(s, other_wait);
    }
    const auto newcomers = leader->newcomers();
    for (std::uint32_t n = 10; n < 14; ++n)
        leader->observe(syn(n, 1), lab::at(1)); // ends, and each has a place
    for (std::uint32_t n = 10; n < 14; ++n) leader->observe(syn(n, 2), lab::at(1));
    BOOST_TEST(leader->newcomers() == newcomers + 4);
}

BOOST_AUTO_TEST_CASE(nobody_was_there_at_first) {
    const auto leader = std::make_shared<tracker>(tracker::settings{4096, 8, 2, seconds(10)}, seed);
    tracker follower(leader->made_with(), seed, leader);
    follower.observe(lab::syn(address(), 1, 2, 3), lab::at(1)); // 0.0.0.0, as which an empty place may pass
    BOOST_TEST(leader->newcomers() == 1u);
}

BOOST_AUTO_TEST_CASE(what_stands_is_the_addresss_own_in_a_large_table_too) {
    const tracker::settings s{4096, 8, 2, seconds(10)};
    const auto leader = std::make_shared<tracker>(s, seed);
    tracker follower(s, seed, leader);
    std::mt19937 dice(1);
    std::uint64_t known = 0;
    for (int i = 0; i < 300'000; ++i) {
        const auto n = static_cast<std::uint32_t>(dice() % 6000);
        const auto now = lab::at(i * 1e-5);
        // Each has a port of its own. The follower comes after the leader, sometimes long after it.
        const auto e = syn(n, static_cast<std::uint16_t>(n));
        if (dice() % 4 != 0) leader->observe(e, now);
        if (dice() % 4 == 0) continue;
        const auto at = follower.observe(e, now);
        BOOST_REQUIRE((follower.who(at) == lab::ip(n)));
        BOOST_REQUIRE((leader->who(at) == lab::ip(n)));
        BOOST_REQUIRE(
            std::ranges::all_of(follower.recall(at), [n](const seen& one) { return one.port == n; }));
        known += follower.count(at) > 1;
        if (dice() % 8 == 0) follower.begin_wait(at, other_wait);
        if (dice() % 4 == 0) follower.end_wait(at, other_wait);
    }
    BOOST_TEST(known > 50'000u);
}

BOOST_AUTO_TEST_CASE(it_remembers_what_one_by_itself_would) {
    const tracker::settings s{8, 8, 2, seconds(10)};
    const auto leader = std::make_shared<tracker>(s, seed);
    tracker follower(s, seed, leader);
    tracker alone(s, seed);
    std::mt19937 dice(1);
    for (int i = 0; i < 100'000; ++i) {
        // Some are heard of often; there are more than places.
        const auto n = static_cast<std::uint32_t>(dice() % (dice() % 2 ? 4 : 24));
        const auto port = static_cast<std::uint16_t>(dice() % 50);
        const auto now = lab::at(i * 0.01);
        const auto e = syn(n, port);
        leader->observe(e, now);
        const auto mine = follower.observe(e, now);
        const auto its = alone.observe(e, now);
        const auto a = follower.recall(mine), b = alone.recall(its);
        BOOST_REQUIRE(std::ranges::equal(a, b, [](const seen& x, const seen& y) {
            return x.port == y.port && x.tick == y.tick && x.id == y.id;
        }));
        BOOST_REQUIRE((follower.who(mine) == lab::ip(n)));
    }
    BOOST_TEST(leader->newcomers() == alone.newcomers());
    BOOST_TEST(leader->newcomers() > 1000u);
}

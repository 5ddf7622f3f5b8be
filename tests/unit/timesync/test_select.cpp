#include "timesync/select.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace chronoknock;
using namespace chronoknock::timesync;
using namespace std::chrono_literals;

namespace {

using servers = std::vector<std::optional<candidate>>;
constexpr auto unheard = std::nullopt;

candidate between(nanoseconds low, nanoseconds high) { return {low + (high - low) / 2, (high - low) / 2}; }

std::string marks(const selection& s) {
    std::string text;
    for (const auto m : s.marks) text += static_cast<char>(m);
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_selection)

BOOST_AUTO_TEST_CASE(one_more_than_may_lie_must_be_heard) {
    const std::size_t expected[] = {1, 1, 1, 2, 2, 3, 3, 4};
    for (std::size_t n = 0; n < 8; ++n) BOOST_TEST(needed(n) == expected[n]);
}

BOOST_AUTO_TEST_CASE(one_server) {
    const auto s = timesync::select(servers{between(-10ms, 30ms)}, 1);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == -10ms && s.high == 30ms && s.offset == 10ms));
    BOOST_TEST(marks(s) == "*");
}

BOOST_AUTO_TEST_CASE(nobody_heard) {
    const auto s = timesync::select(servers{unheard, unheard}, 2);
    BOOST_TEST(!s.agreed);
    BOOST_TEST(marks(s) == "??");
}

BOOST_AUTO_TEST_CASE(too_few_heard) {
    // The one of three that is heard may be the one that lies.
    BOOST_TEST(!timesync::select(servers{between(-1ms, 1ms), unheard, unheard}, 3).agreed);
    // Of two none may lie: a minority of two is nobody.
    BOOST_TEST(timesync::select(servers{between(-1ms, 1ms), unheard}, 2).agreed);
}

BOOST_AUTO_TEST_CASE(two_must_agree) {
    BOOST_TEST(!timesync::select(servers{between(0ms, 10ms), between(11ms, 20ms)}, 2).agreed);
    const auto s = timesync::select(servers{between(0ms, 10ms), between(10ms, 20ms)}, 2);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == 10ms && s.high == 10ms && s.offset == 10ms));
}

BOOST_AUTO_TEST_CASE(a_liar_far_away) {
    const auto s =
        timesync::select(servers{between(-10ms, 10ms), between(-8ms, 14ms), between(100s, 101s)}, 3);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == -8ms && s.high == 10ms));
    BOOST_TEST(marks(s) == "*+x");
    BOOST_TEST(s.agreeing == 2u);
}

BOOST_AUTO_TEST_CASE(a_liar_that_overlaps_does_not_cut_off_the_truth) {
    // The truth is 0. All three overlap in [5, 10]: what the fewest liars would explain.
    const auto s =
        timesync::select(servers{between(-10ms, 10ms), between(-9ms, 11ms), between(5ms, 25ms)}, 3);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == -9ms && s.high == 11ms));
}

BOOST_AUTO_TEST_CASE(a_liar_that_overlaps_while_one_is_silent) {
    const auto s = timesync::select(servers{between(-10ms, 10ms), unheard, between(5ms, 25ms)}, 3);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == -10ms && s.high == 25ms));
}

BOOST_AUTO_TEST_CASE(two_of_three_that_contradict_each_other) {
    const auto s = timesync::select(servers{between(-10ms, 10ms), unheard, between(1s, 2s)}, 3);
    BOOST_TEST(!s.agreed);
    BOOST_TEST(marks(s) == "x?x");
}

BOOST_AUTO_TEST_CASE(two_colluding_among_five) {
    const servers five = {between(-10ms, 10ms), between(40s, 41s), between(-5ms, 20ms), between(40s, 41s),
                          between(-20ms, 5ms)};
    const auto s = timesync::select(five, 5);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == -5ms && s.high == 5ms));
    BOOST_TEST(marks(s) == "*x-x-");
    // One honest one falls silent: two against two.
    auto four = five;
    four[0] = unheard;
    BOOST_TEST(!timesync::select(four, 5).agreed);
}

BOOST_AUTO_TEST_CASE(two_places_joined_by_a_wide_one) {
    const auto s = timesync::select(servers{between(0ms, 1ms), between(-5ms, 10ms), between(5ms, 6ms)}, 3);
    BOOST_TEST(s.agreed);
    BOOST_TEST((s.low == 0ms && s.high == 6ms));
}

BOOST_AUTO_TEST_CASE(the_nearest_counts_most) {
    const auto s = timesync::select(servers{candidate{0ms, 10ms}, candidate{8ms, 40ms}}, 2);
    BOOST_TEST((s.low == -10ms && s.high == 10ms));
    BOOST_TEST((std::chrono::abs(s.offset - 1600us) < 2ns)); // (0/10 + 8/40) / (1/10 + 1/40)
    BOOST_TEST(marks(s) == "*+");
}

BOOST_AUTO_TEST_CASE(offsets_of_half_a_century) {
    const nanoseconds now = 20'600 * 24h;
    const auto s = timesync::select(servers{candidate{now, 10ms}, candidate{now + 1ms, 10ms}}, 2);
    BOOST_TEST((s.low == now - 9ms && s.high == now + 10ms));
    BOOST_TEST((s.offset >= s.low && s.offset <= s.high));
}

BOOST_AUTO_TEST_SUITE_END()

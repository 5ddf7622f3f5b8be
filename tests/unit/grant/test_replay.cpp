#include "grant/noise.hpp"
#include "grant/replay_guard.hpp"
#include "grant/windows.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
const auto here = *address::parse("192.0.2.1");
const auto there = *address::parse("192.0.2.2");

unix_time at(double s) { return unix_time{seconds(epoch) + nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }

replay_guard::knock a_knock(double when, std::int64_t t0, std::optional<address> who = here,
                            nanoseconds error = 0s) {
    return {{"key", "ssh", who, epoch + t0, at(when)}, 10, false, 0s, {at(when), error}};
}

} // namespace

BOOST_AUTO_TEST_CASE(a_knock_is_good_once) {
    replay_guard guard({}, {});
    BOOST_TEST((guard.judge(a_knock(1, 0)) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(1.9, 0)) == judgement::repeated));
    BOOST_TEST((guard.judge(a_knock(2, 0)) == judgement::replayed));
    BOOST_TEST((guard.judge(a_knock(2, 0, there)) == judgement::accepted));
    auto other_service = a_knock(2, 0);
    other_service.what.service = "";
    BOOST_TEST((guard.judge(other_service) == judgement::accepted));
    auto other_key = a_knock(2, 0);
    other_key.what.key = "other";
    BOOST_TEST((guard.judge(other_key) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(11, 10)) == judgement::accepted));
    BOOST_TEST(guard.knows(here));
    BOOST_TEST(!guard.knows(*address::parse("192.0.2.3")));
}

BOOST_AUTO_TEST_CASE(the_window_and_the_one_before) {
    for (const auto& [when, t0, error, good] : {
             std::tuple{5.0, 0, 0ms, true},
             {5.0, -10, 0ms, true},
             {5.0, -20, 0ms, false},
             {5.0, 10, 0ms, false},
             {0.0, -20, 0ms, false}, // t = t0 + 2g is out
             {0.0, -20, 1ms, true},  // unless the clock may be that fast
             {9.9, 10, 99ms, false},
             {9.9, 10, 100ms, true},
         }) {
        replay_guard guard({}, {});
        BOOST_TEST((guard.judge(a_knock(when, t0, here, error)) == judgement::accepted) == good);
    }
}

BOOST_AUTO_TEST_CASE(it_never_goes_back_whatever_the_clock_says) {
    replay_guard guard({}, {});
    BOOST_TEST((guard.judge(a_knock(101, 100)) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(51, 50)) == judgement::too_old));
    BOOST_TEST((guard.judge(a_knock(91, 90)) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(81, 80)) == judgement::too_old));
}

BOOST_AUTO_TEST_CASE(what_was_burnt_before_a_restart_stays_burnt) {
    replay_guard guard({{"key", "ssh", here, epoch + 100, at(101)}}, {});
    BOOST_TEST((guard.judge(a_knock(102, 100)) == judgement::replayed));
    BOOST_TEST((guard.judge(a_knock(51, 50)) == judgement::too_old));
    BOOST_TEST(guard.knows(here));
}

BOOST_AUTO_TEST_CASE(windows_that_began_before_the_record_are_refused) {
    replay_guard guard({}, at(5));
    BOOST_TEST((guard.judge(a_knock(6, 0)) == judgement::before_state));
    BOOST_TEST((guard.judge(a_knock(11, 10)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(without_the_address_a_window_is_good_once) {
    replay_guard guard({}, {});
    BOOST_TEST((guard.judge(a_knock(1, 0, std::nullopt)) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(2, 0, std::nullopt)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(without_time_nothing_burns) {
    replay_guard guard({}, at(5));
    auto k = a_knock(1, -epoch);
    k.ignore_time = true;
    BOOST_TEST((guard.judge(k) == judgement::accepted));
    BOOST_TEST((guard.judge(k) == judgement::repeated)); // its second round
    k.what.accepted += 1s;
    BOOST_TEST((guard.judge(k) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(knock_delay) {
    replay_guard guard({}, {});
    const auto delayed = [](double when, std::int64_t t0) {
        auto k = a_knock(when, t0);
        k.delay = 30s;
        return k;
    };
    BOOST_TEST((guard.judge(delayed(1, 0)) == judgement::accepted));
    BOOST_TEST((guard.judge(delayed(30.9, 30)) == judgement::too_soon));
    BOOST_TEST((guard.judge(delayed(31, 30)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(pruning_keeps_what_a_replay_needs) {
    replay_guard guard({}, {});
    guard.judge(a_knock(1, 0));
    guard.judge(a_knock(11, 10));
    BOOST_TEST(guard.prune(at(40 * 86400.0)).empty()); // the newest and one window before it
    guard.judge(a_knock(41, 40));
    BOOST_TEST(guard.prune(at(50)).empty()); // a month is remembered, for knows()
    const auto gone = guard.prune(at(40 * 86400.0));
    BOOST_TEST(gone.size() == 2u);
    BOOST_TEST((gone.front() == burnt{"key", "ssh", here, epoch, at(1)}));
    BOOST_TEST(guard.size() == 1u);
    BOOST_TEST((guard.judge(a_knock(1, 0)) == judgement::too_old));
    BOOST_TEST((guard.judge(a_knock(43, 40)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(ranges_of_windows) {
    BOOST_TEST((acceptable_windows(at(5), at(5), 10) == window_range{epoch - 10, epoch}));
    BOOST_TEST((acceptable_windows(at(0), at(10), 10) == window_range{epoch - 10, epoch + 10}));
    BOOST_TEST(most_windows(10, 0s) == 2);
    BOOST_TEST(most_windows(10, 5s) == 3);
    BOOST_TEST(most_windows(1, 500ms) == 3);
    // brute force: the range is exactly what acceptable() says
    for (int g = 1; g < 5; ++g)
        for (int t = 0; t < 200; ++t)
            for (int e = 0; e < 30; ++e) {
                const time_estimate arrival{at(t * 0.1), e * 100ms};
                const auto range =
                    acceptable_windows(arrival.t - arrival.error, arrival.t + arrival.error, g);
                BOOST_REQUIRE((range.last - range.first) / g + 1 <= most_windows(g, arrival.error));
                const auto align = epoch - epoch % g;
                for (auto t0 = align - 20 * g; t0 <= align + 40 * g; t0 += g)
                    BOOST_REQUIRE(acceptable(t0, g, arrival) == (range.first <= t0 && t0 <= range.last));
            }
}

BOOST_AUTO_TEST_CASE(a_line_a_minute_for_each_address) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    noise n(2);
    BOOST_TEST((n.refused(here, "a replay", t(0)) == noise::line{here, "a replay", 1}));
    for (int i = 1; i < 1000; ++i) BOOST_TEST(!n.refused(here, "a replay", t(1)));
    BOOST_TEST(n.due(t(59)).empty());
    BOOST_TEST((n.due(t(60)) == std::vector{noise::line{here, "a replay", 999}}));
    BOOST_TEST(!n.refused(here, "a replay", t(61)));
    BOOST_TEST(n.due(t(120)).size() == 1u);
    BOOST_TEST(n.due(t(180)).empty()); // quiet for a minute: forgotten
    BOOST_TEST(n.refused(here, "a replay", t(181)).has_value());
}

BOOST_AUTO_TEST_CASE(many_addresses_are_told_as_one) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    noise n(2);
    BOOST_TEST(n.refused(here, "a replay", t(0)).has_value());
    BOOST_TEST(n.refused(there, "a replay", t(0)).has_value());
    for (std::uint8_t i = 0; i < 200; ++i) {
        const std::uint8_t bytes[] = {10, 0, 0, i};
        BOOST_TEST(!n.refused(address::v4(bytes), "a replay", t(1)));
    }
    BOOST_TEST((n.due(t(61)) == std::vector{noise::line{std::nullopt, "a replay", 200}}));
    BOOST_TEST(n.due(t(200)).empty());
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_latest_knock_counts_for_the_delay) {
    replay_guard guard({{"key", "", here, epoch, at(105)}, {"key", "ssh", here, epoch - 100, at(5)}}, {});
    auto k = a_knock(112, 110);
    k.delay = 60s;
    BOOST_TEST((guard.judge(k) == judgement::too_soon));
}

BOOST_AUTO_TEST_CASE(nothing_is_pruned_of_a_key_that_did_not_knock_since_the_start) {
    replay_guard guard({{"key", "ssh", here, epoch, at(1)}, {"key", "ssh", here, epoch + 10, at(11)}}, {});
    BOOST_TEST(guard.prune(at(400 * 86400.0)).empty());
    BOOST_TEST((guard.judge(a_knock(12, 0)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(a_later_round_of_a_knock_that_failed_is_accepted) {
    replay_guard guard({}, {});
    const auto knock = a_knock(1, 0);
    BOOST_TEST((guard.judge(knock) == judgement::accepted));
    guard.failed(knock.what);
    BOOST_TEST((guard.judge(a_knock(1.2, 0)) == judgement::accepted));
    BOOST_TEST((guard.judge(a_knock(1.4, 0)) == judgement::repeated)); // it did not fail again
    guard.failed(knock.what);
    BOOST_TEST((guard.judge(a_knock(5.9, 0)) == judgement::accepted));
    guard.failed(knock.what);
    BOOST_TEST((guard.judge(a_knock(6, 0)) == judgement::replayed)); // a copy, however often it is tried
}

BOOST_AUTO_TEST_CASE(one_key_is_accepted_so_often_in_a_window) {
    replay_guard guard({}, {});
    const auto source = [](std::uint32_t n) {
        const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(n >> 16),
                                      static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        return address::v4(bytes);
    };
    std::uint32_t n = 0;
    const auto accepted_of = [&](std::uint32_t tries, double when, std::int64_t t0, bool timeless = false) {
        std::uint32_t accepted = 0;
        for (std::uint32_t i = 0; i < tries; ++i) {
            auto k = a_knock(when, t0, source(n++));
            k.ignore_time = timeless;
            const auto verdict = guard.judge(k);
            accepted += verdict == judgement::accepted;
            BOOST_REQUIRE((verdict == judgement::accepted || verdict == judgement::too_many));
        }
        return accepted;
    };
    BOOST_TEST(accepted_of(30'000, 1, 0) == most_in_window);
    auto other = a_knock(1, 0);
    other.what.key = "other"; // has a count of its own
    BOOST_TEST((guard.judge(other) == judgement::accepted));
    // Window after window: what is remembered stays bounded, and the latest windows are burnt.
    for (int w = 1; w < 20; ++w) BOOST_TEST(accepted_of(3000, 10 * w + 1, 10 * w) == most_in_window);
    BOOST_TEST(guard.size() == most_of_key + 1);
    BOOST_TEST(guard.take_displaced().size() == 20 * most_in_window - most_of_key);
    BOOST_TEST(guard.take_displaced().empty());
    BOOST_TEST(!guard.knows(source(0)));
    BOOST_TEST(guard.knows(source(n - 3000)));
    BOOST_TEST((guard.judge(a_knock(193, 190, source(n - 3000))) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(a_key_without_time_is_accepted_so_often_in_each_granularity) {
    replay_guard guard({}, {});
    std::uint32_t accepted = 0;
    for (std::uint32_t n = 0; n < 4 * most_in_window; ++n) {
        const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        auto k = a_knock(n < 2 * most_in_window ? 1 : 11, -epoch, address::v4(bytes));
        k.ignore_time = true;
        accepted += guard.judge(k) == judgement::accepted;
    }
    BOOST_TEST(accepted == 2 * most_in_window);
}

BOOST_AUTO_TEST_CASE(of_many_lines_a_minute_their_number_is_told) {
    const auto t = [](int s) { return instant{seconds(s)}; };
    tally lines(2);
    BOOST_TEST(lines.tell("alice", t(0)));
    BOOST_TEST(lines.tell("alice", t(1)));
    for (int i = 0; i < 1000; ++i) BOOST_TEST(!lines.tell("alice", t(2)));
    BOOST_TEST(lines.tell("bob", t(2)));
    BOOST_TEST(lines.due(t(59)).empty());
    BOOST_TEST((lines.due(t(60)) == std::vector{tally::line{"alice", 1000}}));
    BOOST_TEST(lines.tell("alice", t(60)));
    BOOST_TEST(lines.due(t(500)).empty());
}

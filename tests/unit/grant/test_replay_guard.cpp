#include "grant/replay_guard.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
const auto here = *address::parse("192.0.2.1");
const auto there = *address::parse("192.0.2.2");

unix_time at(double s) { return unix_time{seconds(epoch) + nanoseconds(static_cast<std::int64_t>(s * 1e9))}; }

struct knock {
    token once;
    address who;
    unix_time now;
    time_estimate arrival;
    nanoseconds delay{0};

    replay_guard::attempt attempt() const { return {once, who, delay, now, arrival}; }
    burnt what() const { return replay_guard::burnt_of(once, who, now); }
};

std::string identity_of(const std::string& service, std::optional<address> who) {
    return service + '\0' + (who ? who->to_string() : "");
}

/// Of a window of ten seconds; who: none with ignore = ip.
knock a_knock(double when, std::int64_t t0, std::optional<address> who = here, nanoseconds error = 0s) {
    const unix_time begin{seconds(epoch + t0)};
    return {{"key", epoch + t0, 10, 0, identity_of("ssh", who), false, {{begin, begin + 20s}}},
            who.value_or(here),
            at(when),
            {at(when), error}};
}

knock a_timeless_knock(double when, address who = here) {
    return {{"key", 0, 10, 0, identity_of("ssh", who), true, {}}, who, at(when), {at(when), 0s}};
}

burnt burnt_before(const std::string& service, std::int64_t t0, double when) {
    return {"key", epoch + t0, identity_of(service, here), here, at(when)};
}

/// Judges, and opens what is accepted.
judgement judge(replay_guard& guard, const knock& k) {
    const auto verdict = guard.judge(k.attempt());
    if (verdict == judgement::accepted) guard.opened(k.what());
    return verdict;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_knock_is_good_once) {
    replay_guard guard({}, {});
    BOOST_TEST((judge(guard, a_knock(1, 0)) == judgement::accepted));
    BOOST_TEST((judge(guard, a_knock(1.9, 0)) == judgement::repeated));
    BOOST_TEST((judge(guard, a_knock(2, 0)) == judgement::replayed));
    BOOST_TEST((judge(guard, a_knock(2, 0, there)) == judgement::accepted));
    auto other_service = a_knock(2, 0);
    other_service.once.identity = identity_of("", here);
    BOOST_TEST((judge(guard, other_service) == judgement::accepted));
    auto other_key = a_knock(2, 0);
    other_key.once.key = "other";
    BOOST_TEST((judge(guard, other_key) == judgement::accepted));
    BOOST_TEST((judge(guard, a_knock(11, 10)) == judgement::accepted));
    BOOST_TEST(guard.knows(here));
    BOOST_TEST(!guard.knows(*address::parse("192.0.2.3")));
}

BOOST_AUTO_TEST_CASE(what_is_burnt) {
    replay_guard guard({burnt_before("ssh", 0, 1)}, {});
    const auto is_burnt = [&](std::int64_t t0, const std::string& key = "key",
                              const std::string& service = "ssh") {
        return guard.is_burnt(key, epoch + t0, identity_of(service, here));
    };
    BOOST_TEST(is_burnt(0)); // by the record
    BOOST_TEST(!is_burnt(0, "other"));
    BOOST_TEST(!is_burnt(0, "key", "web"));
    BOOST_TEST(!is_burnt(10));
    const auto k = a_knock(11, 10);
    guard.judge(k.attempt());
    BOOST_TEST(is_burnt(10)); // on its way
    guard.failed(k.what());
    BOOST_TEST(!is_burnt(10));
    judge(guard, k);
    BOOST_TEST(is_burnt(10));
    BOOST_TEST(is_burnt(0)); // the newest one does not hide it
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
        BOOST_TEST((judge(guard, a_knock(when, t0, here, error)) == judgement::accepted) == good);
    }
}

BOOST_AUTO_TEST_CASE(it_never_goes_back_whatever_the_clock_says) {
    replay_guard guard({}, {});
    BOOST_TEST((judge(guard, a_knock(101, 100)) == judgement::accepted));
    BOOST_TEST((judge(guard, a_knock(51, 50)) == judgement::too_old));
    BOOST_TEST((judge(guard, a_knock(91, 90)) == judgement::accepted));
    BOOST_TEST((judge(guard, a_knock(81, 80)) == judgement::too_old));
}

BOOST_AUTO_TEST_CASE(what_was_burnt_before_a_restart_stays_burnt) {
    replay_guard guard({burnt_before("ssh", 100, 101)}, {});
    BOOST_TEST((judge(guard, a_knock(102, 100)) == judgement::replayed));
    BOOST_TEST((judge(guard, a_knock(51, 50)) == judgement::too_old));
    BOOST_TEST(guard.knows(here));
}

BOOST_AUTO_TEST_CASE(windows_that_began_before_the_record_are_refused) {
    replay_guard guard({}, at(5));
    BOOST_TEST((judge(guard, a_knock(6, 0)) == judgement::before_state));
    BOOST_TEST((judge(guard, a_knock(11, 10)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(without_the_address_a_window_is_good_once) {
    replay_guard guard({}, {});
    BOOST_TEST((judge(guard, a_knock(1, 0, std::nullopt)) == judgement::accepted));
    BOOST_TEST((judge(guard, a_knock(2, 0, std::nullopt)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(without_time_nothing_burns) {
    replay_guard guard({}, at(5));
    auto k = a_timeless_knock(1);
    BOOST_TEST((judge(guard, k) == judgement::accepted));
    BOOST_TEST((judge(guard, k) == judgement::repeated)); // its second round
    k.now += 1s;
    BOOST_TEST((judge(guard, k) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(knock_delay) {
    replay_guard guard({}, {});
    const auto delayed = [](double when, std::int64_t t0) {
        auto k = a_knock(when, t0);
        k.delay = 30s;
        return k;
    };
    BOOST_TEST((judge(guard, delayed(1, 0)) == judgement::accepted));
    BOOST_TEST((judge(guard, delayed(30.9, 30)) == judgement::too_soon));
    BOOST_TEST((judge(guard, delayed(31, 30)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(pruning_keeps_what_a_replay_needs) {
    replay_guard guard({}, {});
    judge(guard, a_knock(1, 0));
    judge(guard, a_knock(11, 10));
    BOOST_TEST(guard.prune(at(40 * 86400.0)).empty()); // the newest and one window before it
    judge(guard, a_knock(41, 40));
    BOOST_TEST(guard.prune(at(50)).empty()); // a month is remembered, for knows()
    const auto gone = guard.prune(at(40 * 86400.0));
    BOOST_TEST(gone.size() == 2u);
    BOOST_TEST((gone.front() == burnt_before("ssh", 0, 1)));
    BOOST_TEST(guard.size() == 1u);
    BOOST_TEST((judge(guard, a_knock(1, 0)) == judgement::too_old));
    BOOST_TEST((judge(guard, a_knock(43, 40)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(pruning_keeps_the_newest_that_opened_while_another_is_on_its_way) {
    replay_guard guard({}, {});
    const auto count = [](std::int64_t place, nanoseconds when) {
        return knock{{"key", place, 0, 8, "", false, {}}, here, at(0) + when, {at(0) + when, 0s}};
    };
    BOOST_TEST((judge(guard, count(0, 1s)) == judgement::accepted));
    BOOST_TEST((guard.judge(count(3, 24h * 40).attempt()) == judgement::accepted));
    BOOST_TEST(guard.prune(at(0) + 24h * 40).empty());
    guard.failed(count(3, 24h * 40).what());
    BOOST_TEST((guard.judge(count(0, 24h * 41).attempt()) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_latest_knock_counts_for_the_delay) {
    replay_guard guard({burnt_before("", 0, 105), burnt_before("ssh", -100, 5)}, {});
    auto k = a_knock(112, 110);
    k.delay = 60s;
    BOOST_TEST((judge(guard, k) == judgement::too_soon));
}

BOOST_AUTO_TEST_CASE(nothing_is_pruned_of_a_key_that_did_not_knock_since_the_start) {
    replay_guard guard({burnt_before("ssh", 0, 1), burnt_before("ssh", 10, 11)}, {});
    BOOST_TEST(guard.prune(at(400 * 86400.0)).empty());
    BOOST_TEST((judge(guard, a_knock(12, 0)) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(a_later_round_of_a_knock_that_failed_is_accepted) {
    replay_guard guard({}, {});
    const auto reserve = [&guard](double when) { return guard.judge(a_knock(when, 0).attempt()); };
    BOOST_TEST((reserve(1) == judgement::accepted));
    guard.failed(a_knock(1, 0).what());
    BOOST_TEST((reserve(1.2) == judgement::accepted));
    BOOST_TEST((reserve(1.4) == judgement::repeated)); // it did not fail again
    guard.failed(a_knock(1.2, 0).what());
    BOOST_TEST((reserve(5.9) == judgement::accepted));
    guard.failed(a_knock(5.9, 0).what());
    BOOST_TEST((reserve(6) == judgement::replayed)); // a copy, however often it is tried
}

BOOST_AUTO_TEST_CASE(two_copies_on_their_way_never_earn_twice) {
    replay_guard guard({}, {});
    const auto first = a_knock(1, 0);
    BOOST_TEST((guard.judge(first.attempt()) == judgement::accepted));
    for (const double later : {1.0, 1.5, 4.0}) // however long the store takes
        BOOST_TEST((guard.judge(a_knock(later, 0).attempt()) == judgement::repeated));
    guard.opened(first.what());
    BOOST_TEST((guard.judge(a_knock(4.1, 0).attempt()) == judgement::replayed));
    guard.failed(first.what()); // what is open stays burnt
    BOOST_TEST((guard.judge(a_knock(4.2, 0).attempt()) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(what_failed_counts_for_nothing) {
    replay_guard guard({}, {});
    auto k = a_knock(1, 0);
    k.delay = 30s;
    BOOST_TEST((judge(guard, k) == judgement::accepted));
    for (int n = 0; n < 3; ++n) {
        auto next = a_knock(41 + n, 40);
        next.delay = 30s;
        next.once.identity += std::to_string(n); // three services, say
        BOOST_TEST((guard.judge(next.attempt()) == judgement::accepted));
        auto beside = a_knock(41 + n, 40);
        beside.delay = 30s;
        BOOST_TEST((guard.judge(beside.attempt()) == judgement::too_soon)); // another is on its way
        guard.failed(next.what());
    }
    // Nor for the order of the key.
    BOOST_TEST((guard.judge(a_knock(11, 0, there).attempt()) == judgement::accepted));
    // Nor for the number in a window.
    for (std::uint32_t n = 0; n < 2 * most_in_window; ++n) {
        auto again = a_knock(60, 50);
        again.once.key = "other";
        again.once.identity += std::to_string(n);
        BOOST_REQUIRE((guard.judge(again.attempt()) == judgement::accepted));
        guard.failed(again.what());
    }
    BOOST_TEST(!guard.knows(there));
}

BOOST_AUTO_TEST_CASE(a_counter_has_an_order_and_no_time) {
    replay_guard guard({}, unix_time::max()); // the floor does not touch it
    const auto count = [](std::int64_t place) {
        return knock{{"key", place, 0, 0, "", false, {}}, here, at(1), {at(1), 0s}};
    };
    BOOST_TEST((judge(guard, count(-3)) == judgement::accepted));
    BOOST_TEST((judge(guard, count(-2)) == judgement::accepted));
    BOOST_TEST((judge(guard, count(-3)) == judgement::repeated));
    auto later = count(-2);
    later.now += 2s;
    BOOST_TEST((judge(guard, later) == judgement::replayed));
    later = count(-4);
    BOOST_TEST((judge(guard, later) == judgement::too_old));
    BOOST_TEST((judge(guard, count(5)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(a_counter_may_be_so_far_ahead) {
    replay_guard guard({}, {});
    const auto count = [](std::int64_t place) {
        return knock{{"key", place, 0, 8, "", false, {}}, here, at(1), {at(1), 0s}};
    };
    BOOST_TEST((judge(guard, count(8)) == judgement::too_far_ahead));
    BOOST_TEST((judge(guard, count(7)) == judgement::accepted)); // none yet: they begin with 0
    BOOST_TEST((judge(guard, count(6)) == judgement::too_old));
    BOOST_TEST((judge(guard, count(16)) == judgement::too_far_ahead));
    BOOST_TEST((guard.judge(count(15).attempt()) == judgement::accepted));
    guard.failed(count(15).what());
    BOOST_TEST((judge(guard, count(16)) == judgement::too_far_ahead)); // what failed does not count
    BOOST_TEST((judge(guard, count(8)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(the_delay_is_of_key_and_beneficiary) {
    replay_guard guard({{"key", epoch, "of_version_0", std::nullopt, at(1)}}, {});
    const auto delayed = [](double when, std::int64_t t0, const address& who) {
        auto k = a_knock(when, t0, std::nullopt); // whoever knocks, the token is the same
        k.who = who;
        k.delay = 30s;
        return k;
    };
    BOOST_TEST((judge(guard, delayed(21, 20, here)) == judgement::too_soon)); // it may have been him
    BOOST_TEST((judge(guard, delayed(41, 40, here)) == judgement::accepted));
    BOOST_TEST((judge(guard, delayed(51, 50, here)) == judgement::too_soon));
    BOOST_TEST((judge(guard, delayed(51, 50, there)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(one_key_is_accepted_so_often_in_a_window) {
    replay_guard guard({}, {});
    const auto source = [](std::uint32_t n) {
        const std::uint8_t bytes[] = {10, static_cast<std::uint8_t>(n >> 16),
                                      static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        return address::v4(bytes);
    };
    std::uint32_t n = 0;
    const auto accepted_of = [&](std::uint32_t tries, double when, std::int64_t t0) {
        std::uint32_t accepted = 0;
        for (std::uint32_t i = 0; i < tries; ++i) {
            const auto verdict = judge(guard, a_knock(when, t0, source(n++)));
            accepted += verdict == judgement::accepted;
            BOOST_REQUIRE((verdict == judgement::accepted || verdict == judgement::too_many));
        }
        return accepted;
    };
    BOOST_TEST(accepted_of(30'000, 1, 0) == most_in_window);
    auto other = a_knock(1, 0);
    other.once.key = "other"; // has a count of its own
    BOOST_TEST((judge(guard, other) == judgement::accepted));
    // Window after window: what is remembered stays bounded, and the latest windows are burnt.
    for (int w = 1; w < 20; ++w) BOOST_TEST(accepted_of(3000, 10 * w + 1, 10 * w) == most_in_window);
    BOOST_TEST(guard.size() == most_of_key + 1);
    BOOST_TEST(guard.take_displaced().size() == 20 * most_in_window - most_of_key);
    BOOST_TEST(guard.take_displaced().empty());
    BOOST_TEST(!guard.knows(source(0)));
    BOOST_TEST(guard.knows(source(n - 3000)));
    BOOST_TEST((judge(guard, a_knock(193, 190, source(n - 3000))) == judgement::replayed));
}

BOOST_AUTO_TEST_CASE(a_key_without_time_is_accepted_so_often_in_each_granularity) {
    replay_guard guard({}, {});
    std::uint32_t accepted = 0;
    for (std::uint32_t n = 0; n < 4 * most_in_window; ++n) {
        const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        const auto k = a_timeless_knock(n < 2 * most_in_window ? 1 : 11, address::v4(bytes));
        accepted += judge(guard, k) == judgement::accepted;
    }
    BOOST_TEST(accepted == 2 * most_in_window);
}

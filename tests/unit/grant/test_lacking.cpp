#include "grant/replay_guard.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
const auto here = *address::parse("192.0.2.1");
unix_time at(std::int64_t s) { return unix_time{seconds(epoch + s)}; }

/// Judges a one-time token, and opens what is accepted.
judgement judge(replay_guard& guard, std::int64_t now, std::int64_t place, token::period unrecorded) {
    token once{"key", place, 0, 8, std::to_string(place), false, {}};
    once.unrecorded = unrecorded;
    const auto verdict = guard.judge({once, here, {}, at(now), {at(now), 0ns}});
    if (verdict == judgement::accepted) guard.opened(replay_guard::burnt_of(once, here, at(now)));
    return verdict;
}

token::period for_a_day(std::int64_t issued) { return {at(issued), at(issued + 86400)}; }
const replay_guard a_guard({}, unix_time::max(), unix_time::max());

} // namespace

BOOST_AUTO_TEST_SUITE(a_record_that_lacks_tokens)

BOOST_AUTO_TEST_CASE(a_provisional_floor_tells_nothing_of_the_loss) {
    auto guard = a_guard;
    BOOST_TEST((judge(guard, 10, 0, for_a_day(0)) == judgement::unrecorded));
    guard.set_floor(at(-172800), true); // the clock was two days behind
    BOOST_TEST((judge(guard, 10, 0, for_a_day(0)) == judgement::unrecorded));
    guard.set_floor(at(5), true);
    BOOST_TEST((judge(guard, 10, 0, for_a_day(6)) == judgement::unrecorded));
    guard.set_floor(at(20));
    BOOST_TEST((judge(guard, 30, 0, for_a_day(19)) == judgement::unrecorded));
    BOOST_TEST((judge(guard, 30, 0, for_a_day(20)) == judgement::accepted));
    BOOST_TEST((judge(guard, 31, 1, for_a_day(0)) == judgement::accepted)); // it goes on from that one
}

BOOST_AUTO_TEST_CASE(a_loss_was_not_found_later_than_the_floor_after_it) {
    replay_guard guard({}, at(864000), at(864000)); // the clock was ahead
    BOOST_TEST((judge(guard, 10, 0, for_a_day(9)) == judgement::unrecorded));
    guard.set_floor(at(5), true);
    BOOST_TEST((judge(guard, 10, 0, for_a_day(9)) == judgement::unrecorded));
    guard.set_floor(at(10));
    BOOST_TEST((judge(guard, 20, 0, for_a_day(9)) == judgement::unrecorded));
    guard.set_floor(at(30));
    BOOST_TEST((judge(guard, 40, 0, for_a_day(10)) == judgement::accepted));
}

BOOST_AUTO_TEST_CASE(a_pad_whose_record_was_lost_is_refused) {
    const token::period old{at(-100), unix_time::max()};
    const token::period made_since{at(20), unix_time::max()};
    const token::period undated{unix_time{}, unix_time::max()};
    replay_guard first_start({}, at(20));
    BOOST_TEST((judge(first_start, 30, 1, undated) == judgement::accepted));
    replay_guard clock_behind({}, at(20)); // of a pad the clock is not asked
    BOOST_TEST((judge(clock_behind, 10, 1, made_since) == judgement::accepted));
    for (const auto& pad : {old, undated}) {
        auto lost = a_guard;
        BOOST_TEST((judge(lost, 10, 1, pad) == judgement::unrecorded));
        lost.set_floor(at(20));
        BOOST_TEST((judge(lost, 30, 1, pad) == judgement::unrecorded));
        BOOST_TEST((judge(lost, 86400 * 400, 1, pad) == judgement::unrecorded));
        BOOST_TEST((judge(lost, 86400 * 400, 0, made_since) == judgement::accepted));
    }
    // An older copy of the record: its newest may not have been the last.
    replay_guard put_back({{"key", 1, "1", here, at(5)}}, at(20), at(20));
    BOOST_TEST((judge(put_back, 30, 2, old) == judgement::unrecorded));
    // It was used since.
    replay_guard used({{"key", 1, "1", here, at(25)}}, at(20), at(20));
    BOOST_TEST((judge(used, 30, 1, old) == judgement::replayed));
    BOOST_TEST((judge(used, 30, 2, old) == judgement::accepted));
}

BOOST_AUTO_TEST_SUITE_END()

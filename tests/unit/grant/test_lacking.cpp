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

BOOST_AUTO_TEST_SUITE_END()

#include "grant/gate.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t noon = 1'700'000'000; // 2023-11-14 22:13:20
unix_time at(std::int64_t s) { return unix_time{seconds(noon + s)}; }
std::optional<time_estimate> clock_says(std::int64_t s, nanoseconds error = 0s) {
    return time_estimate{at(s), error};
}
const tell begins{severity::info,
                  "the record of burnt knocks begins now: knocks count whose window begins after "
                  "2023-11-14 22:13:22 UTC"};

} // namespace

BOOST_AUTO_TEST_SUITE(gate)

BOOST_AUTO_TEST_CASE(without_the_time_no_knock_counts) {
    granting::gate g;
    BOOST_TEST(!g.lets_pass());
    BOOST_TEST((g.update(std::nullopt, false, at(-5)) == actions{}));
    BOOST_TEST((g.now() == granting::gate::state::shut));
    BOOST_TEST((g.update(clock_says(0), true, at(-5)) == actions{}));
    BOOST_TEST(g.lets_pass());
    BOOST_TEST((g.update(std::nullopt, true, at(-5)) == actions{}));
    BOOST_TEST(!g.lets_pass());
}

BOOST_AUTO_TEST_CASE(the_floor_of_the_record_holds) {
    granting::gate g;
    BOOST_TEST((g.update(clock_says(0), false, at(0)) == actions{}));
    BOOST_TEST((g.now() == granting::gate::state::open));
    // By the clock's error it may have been set at this moment.
    BOOST_TEST((g.update(clock_says(-2, 2s), false, at(0)) == actions{}));
    BOOST_TEST((g.now() == granting::gate::state::open));
}

BOOST_AUTO_TEST_CASE(where_there_is_none_it_begins_now) {
    granting::gate g;
    BOOST_TEST((g.update(clock_says(0, 2s), true, std::nullopt) == actions{write_floor{at(2)}}));
    BOOST_TEST((g.now() == granting::gate::state::writing));
    BOOST_TEST(!g.lets_pass());
    BOOST_TEST((g.update(clock_says(1, 2s), true, std::nullopt) == actions{})); // one at a time
    BOOST_TEST((g.written({}) == actions{guard_from{at(2)}, begins}));
    BOOST_TEST(g.lets_pass());
    BOOST_TEST((g.written({}) == actions{})); // nobody asked
    BOOST_TEST((g.update(clock_says(1), true, at(2)) == actions{write_floor{at(1)}}));
}

BOOST_AUTO_TEST_CASE(a_floor_that_cannot_be_written_keeps_it_shut_and_is_told_once) {
    granting::gate g;
    for (int tries = 0; tries < 3; ++tries) {
        BOOST_TEST((g.update(clock_says(tries), true, std::nullopt) == actions{write_floor{at(tries)}}));
        const auto told = g.written(error{"disk full"});
        BOOST_TEST((told == (tries == 0 ? actions{tell{severity::error, "disk full"}} : actions{})));
        BOOST_TEST((g.now() == granting::gate::state::shut));
    }
    g.update(clock_says(2), true, std::nullopt);
    BOOST_TEST((g.written(error{"disk gone"}) == actions{tell{severity::error, "disk gone"}}));
    g.update(clock_says(2), true, std::nullopt);
    BOOST_TEST((g.written({}) == actions{guard_from{at(2)}, begins}));
    BOOST_TEST((g.now() == granting::gate::state::open));
}

BOOST_AUTO_TEST_CASE(a_floor_that_lies_ahead_locks_nobody_out) {
    granting::gate g;
    BOOST_TEST((g.update(clock_says(2), true, at(3600)) == actions{write_floor{at(2)}}));
    BOOST_TEST((g.written({}) == actions{guard_from{at(2)}, begins}));
    BOOST_TEST((g.update(clock_says(3), true, at(2)) == actions{}));
    BOOST_TEST(g.lets_pass());
}

BOOST_AUTO_TEST_CASE(what_a_clock_says_that_is_not_relied_on_is_not_kept) {
    granting::gate g;
    BOOST_TEST((g.update(clock_says(0), false, std::nullopt) == actions{guard_from{at(0), true}}));
    BOOST_TEST((g.now() == granting::gate::state::provisional));
    BOOST_TEST(g.lets_pass());
    BOOST_TEST((g.update(clock_says(1), false, std::nullopt) == actions{})); // it stays where it began
    g.update(std::nullopt, false, std::nullopt);
    BOOST_TEST((g.update(clock_says(1), false, std::nullopt) == actions{}));
    // Relied on, it writes its own.
    BOOST_TEST((g.update(clock_says(2), true, std::nullopt) == actions{write_floor{at(2)}}));
    BOOST_TEST((g.written({}) == actions{guard_from{at(2)}, begins}));
    // Of a floor ahead, not relied on: none but for the time being.
    BOOST_TEST((g.update(clock_says(1), false, at(2)) == actions{guard_from{at(1), true}}));
    BOOST_TEST((g.update(clock_says(3), false, at(2)) == actions{guard_from{at(2)}})); // it holds again
    BOOST_TEST((g.now() == granting::gate::state::open));
}

BOOST_AUTO_TEST_CASE(a_provisional_floor_that_lies_ahead_begins_anew) {
    granting::gate g;
    BOOST_TEST((g.update(clock_says(3600), false, std::nullopt) == actions{guard_from{at(3600), true}}));
    // By the clock's error it may have been right.
    BOOST_TEST((g.update(clock_says(3599, 2s), false, std::nullopt) == actions{}));
    BOOST_TEST((g.update(clock_says(0, 2s), false, std::nullopt) == actions{guard_from{at(2), true}}));
    BOOST_TEST((g.update(clock_says(1, 2s), false, std::nullopt) == actions{}));
    BOOST_TEST((g.now() == granting::gate::state::provisional));
}

BOOST_AUTO_TEST_SUITE_END()

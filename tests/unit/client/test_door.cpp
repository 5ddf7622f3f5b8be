#include "client/door.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace std::chrono_literals;
using client::door;

namespace {

constexpr instant start{5s};

bool attempts(door& d, instant now, std::size_t address) {
    const auto a = d.next(now);
    return a.what == door::step::attempt && a.address == address;
}

bool waits(door& d, instant now, instant until) {
    const auto a = d.next(now);
    return a.what == door::step::wait && a.until == until;
}

bool is_shut(door& d, instant now) { return d.next(now).what == door::step::shut; }

} // namespace

BOOST_AUTO_TEST_SUITE(door_machine)

BOOST_AUTO_TEST_CASE(silence_that_counts_as_shut) {
    const auto limit = client::silence_of_shut_door;
    BOOST_TEST((limit({}, true) == 15ms));
    BOOST_TEST((limit({}, false) == 500ms)); // 200 ms of round trip are no shut door
    BOOST_TEST((limit(200ms, false) == 600ms));
    BOOST_TEST((limit(200ms, true) == 600ms)); // measured goes before presumed
    BOOST_TEST((limit(100us, false) == 15ms));
    BOOST_TEST((limit(10s, false) == 3s));
}

BOOST_AUTO_TEST_CASE(what_is_worth_remembering) {
    const auto worth = client::worth_remembering;
    BOOST_TEST(worth({}, 1ms));
    BOOST_TEST(!worth(100us, 4ms)); // the same silence
    BOOST_TEST(worth(100us, 20ms));
    BOOST_TEST(!worth(20ms, 25ms));
    BOOST_TEST(worth(20ms, 31ms));
    BOOST_TEST(worth(200ms, 90ms));
    BOOST_TEST(!worth(200ms, 110ms));
}

BOOST_AUTO_TEST_CASE(one_silent_address) {
    door d(1);
    BOOST_TEST(attempts(d, start, 0));
    BOOST_TEST(waits(d, start + 1h, instant::max())); // until it is told
    d.set_silences({15ms});
    BOOST_TEST(waits(d, start + 1ms, start + 15ms));
    BOOST_TEST(!is_shut(d, start + 15ms - 1ns));
    BOOST_TEST(is_shut(d, start + 15ms));
}

BOOST_AUTO_TEST_CASE(one_that_refuses_is_shut_at_once) {
    door d(1);
    BOOST_TEST(attempts(d, start, 0));
    d.refused(0);
    BOOST_TEST(is_shut(d, start));
}

BOOST_AUTO_TEST_CASE(addresses_are_tried_shortly_apart) {
    door d(3);
    d.set_silences({15ms, 3s, 15ms});
    BOOST_TEST(attempts(d, start, 0));
    BOOST_TEST(waits(d, start, start + 5ms));
    BOOST_TEST(attempts(d, start + 5ms, 1));
    BOOST_TEST(waits(d, start + 6ms, start + 255ms)); // never more than 250 ms
    BOOST_TEST(attempts(d, start + 255ms, 2));
    // The longest silence of all counts, each from its own beginning.
    BOOST_TEST(waits(d, start + 1s, start + 3005ms));
    d.refused(1);
    BOOST_TEST(is_shut(d, start + 1s));
}

BOOST_AUTO_TEST_CASE(a_refusal_brings_the_next_address_at_once) {
    door d(2);
    BOOST_TEST(attempts(d, start, 0));
    d.refused(0);
    BOOST_TEST(attempts(d, start, 1));
    BOOST_TEST(!is_shut(d, start));
    d.refused(1);
    BOOST_TEST(is_shut(d, start));
}

BOOST_AUTO_TEST_SUITE_END()

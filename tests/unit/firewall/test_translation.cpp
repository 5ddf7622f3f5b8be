#include "firewall/translation.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using firewall::translation;

namespace {

// Not made where they are used: gcc 12 with sanitizers warns there of a text that it takes for uninitialized.
const result<bool> no_answer = error{"no answer"};
const result<bool> answers[] = {false, true};

} // namespace

BOOST_AUTO_TEST_CASE(what_nobody_has_told_is_guarded) {
    translation t;
    BOOST_TEST(t.known());
    t.learn(no_answer, instant{});
    BOOST_TEST(t.known());
}

BOOST_AUTO_TEST_CASE(the_last_answer_counts) {
    translation t;
    for (const auto& told : answers) {
        t.learn(told, instant{});
        BOOST_TEST(t.known() == *told);
        t.learn(no_answer, instant{});
        BOOST_TEST(t.known() == *told);
    }
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_not_asked_at_once_again) {
    translation t;
    const instant now{std::chrono::hours(1)};
    BOOST_TEST(t.is_due(now));
    t.learn(no_answer, now);
    BOOST_TEST(!t.is_due(now + translation::pause - nanoseconds(1)));
    BOOST_TEST(t.is_due(now + translation::pause));
    t.learn(answers[0], now + translation::pause);
    BOOST_TEST(t.is_due(now + translation::pause));
}

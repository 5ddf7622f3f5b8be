#include "firewall/translation.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using firewall::translation;

BOOST_AUTO_TEST_CASE(what_nobody_has_told_is_guarded) {
    translation t;
    BOOST_TEST(t.known());
    t.learn(error{"no answer"}, instant{});
    BOOST_TEST(t.known());
}

BOOST_AUTO_TEST_CASE(the_last_answer_counts) {
    translation t;
    for (const bool told : {false, true}) {
        t.learn(told, instant{});
        BOOST_TEST(t.known() == told);
        t.learn(error{"no answer"}, instant{});
        BOOST_TEST(t.known() == told);
    }
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_not_asked_at_once_again) {
    translation t;
    const instant now{std::chrono::hours(1)};
    BOOST_TEST(t.is_due(now));
    t.learn(error{"no answer"}, now);
    BOOST_TEST(!t.is_due(now + translation::pause - nanoseconds(1)));
    BOOST_TEST(t.is_due(now + translation::pause));
    t.learn(false, now + translation::pause);
    BOOST_TEST(t.is_due(now + translation::pause));
}

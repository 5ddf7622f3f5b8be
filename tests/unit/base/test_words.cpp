#include "base/words.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

using namespace chronoknock;

BOOST_AUTO_TEST_SUITE(words)

BOOST_AUTO_TEST_CASE(near_misses) {
    static constexpr std::array<std::string_view, 4> known = {"knock", "check", "status", "time"};
    const auto meant = [](std::string_view word) { return nearest(word, known); };
    BOOST_TEST(meant("konck") == "knock");
    BOOST_TEST(meant("knok") == "knock");
    BOOST_TEST(meant("chekc") == "check");
    BOOST_TEST(meant("staus") == "status");
    BOOST_TEST(meant("stat") == "status");
    BOOST_TEST(meant("tim") == "time");
    BOOST_TEST(meant("status") == "status");
    for (const auto* far : {"", "k", "ti", "serve", "statistics", "block up"})
        BOOST_TEST(meant(far) == "", far);
    BOOST_TEST(meant(std::string(1 << 20, 'k')) == "");
}

BOOST_AUTO_TEST_CASE(text_in_columns) {
    BOOST_TEST(wrapped("", 10) == "");
    BOOST_TEST(wrapped("one two three", 13) == "one two three");
    BOOST_TEST(wrapped("one two three", 12) == "one two\nthree");
    BOOST_TEST(wrapped(" one  two\nthree ", 7) == "one two\nthree");
    BOOST_TEST(wrapped("one two three", 9, 2) == "one two\n  three");
    BOOST_TEST(wrapped("(~/.config/chronoknock/client.ini) a", 10) ==
               "(~/.config/chronoknock/client.ini)\na");
}

BOOST_AUTO_TEST_SUITE_END()

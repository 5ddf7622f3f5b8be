#include "config/events.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using config::parse_command;

BOOST_AUTO_TEST_SUITE(events)

BOOST_AUTO_TEST_CASE(a_command_is_words) {
    using words = std::vector<std::string>;
    BOOST_TEST((*parse_command("") == words{}));
    BOOST_TEST((*parse_command("/bin/tell") == words{"/bin/tell"}));
    BOOST_TEST((*parse_command("/bin/tell  me\t'two words' \"it's\" --to='a b'c ''") ==
                words{"/bin/tell", "me", "two words", "it's", "--to=a bc", ""}));
    BOOST_TEST(
        (*parse_command("/bin/tell $(id) ; a\\ b *") == words{"/bin/tell", "$(id)", ";", "a\\", "b", "*"}));
}

BOOST_AUTO_TEST_CASE(what_is_no_command) {
    BOOST_TEST(parse_command("tell me").error().text ==
               "expected the absolute path of a program, not 'tell'");
    BOOST_TEST(parse_command("''").error().text == "expected the absolute path of a program, not ''");
    BOOST_TEST(parse_command("/bin/tell 'me").error().text == "expected another ' after the first one");
    BOOST_TEST(parse_command("/a" + std::string(4096, 'a')).error().text ==
               "expected a command of at most 4096 bytes");
    std::string many = "/a";
    for (int i = 0; i < 64; ++i) many += " b";
    BOOST_TEST(parse_command(many).error().text == "expected at most 64 words");
    BOOST_TEST(parse_command(std::string_view("/a\0b", 4)).error().text ==
               "expected a command without zero bytes");
}

BOOST_AUTO_TEST_CASE(the_section) {
    const auto read = [](const std::vector<ini_field>& fields) {
        config::event_settings s;
        const auto done = config::read_section<config::event_settings>("c", {"events", 1, fields},
                                                                       config::event_fields(), s);
        return done ? result<config::event_settings>(s) : done.error();
    };
    const auto s = read({{"command", "/bin/a b", 2, {}},
                         {"on", "time, grant", 3, {}},
                         {"limit", "600", 4, {}},
                         {"time_limit", "1h", 5, {}}});
    BOOST_REQUIRE(s);
    BOOST_TEST((s->on == std::vector{config::event_kind::time, config::event_kind::grant}));
    BOOST_TEST(s->limit == 600u);
    BOOST_TEST((s->time_limit == std::chrono::hours(1)));
    BOOST_TEST(read({{"on", "revoke", 3, {}}}).error().text ==
               "c:3: [events] on: expected grant, refusal or time, not 'revoke'");
    BOOST_TEST(read({{"limit", "0", 3, {}}}).error().text ==
               "c:3: [events] limit: expected a whole number from 1 to 600, not '0'");
}

BOOST_AUTO_TEST_SUITE_END()

#include "base/ini.hpp"
#include "base/ini_edit.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

namespace {

const std::string text = R"(# mine
[profile.home]
host = a.example   # the old one
  key = k

# for work
[profile.work]
host = b
)";

} // namespace

BOOST_AUTO_TEST_CASE(a_field_is_changed_in_its_place) {
    BOOST_TEST(with_fields(text, "profile.home", {{"host", "c"}, {"key", "l"}, {"wait", "22"}}) == R"(# mine
[profile.home]
host = c    # the old one
  key = l
wait = 22

# for work
[profile.work]
host = b
)");
}

BOOST_AUTO_TEST_CASE(a_section_is_added_at_the_end) {
    BOOST_TEST(with_fields("", "a", {{"x", "1"}}) == "[a]\nx = 1\n");
    BOOST_TEST(with_fields("[b]\ny = 2", "a", {{"x", "1"}}) == "[b]\ny = 2\n\n[a]\nx = 1\n");
    BOOST_TEST(with_fields("[b]\n\n", "a", {{"x", "1"}}) == "[b]\n\n[a]\nx = 1\n");
    // a commented one is none, nor is one whose name begins the same
    BOOST_TEST(with_fields("#[a]\n[a.b]\n", "a", {{"x", "1"}}) == "#[a]\n[a.b]\n\n[a]\nx = 1\n");
}

BOOST_AUTO_TEST_CASE(a_section_goes_and_the_rest_stays) {
    BOOST_TEST(without_section(text, "profile.home") == "# mine\n# for work\n[profile.work]\nhost = b\n");
    BOOST_TEST(without_section(text, "profile.work") == R"(# mine
[profile.home]
host = a.example   # the old one
  key = k

# for work
)");
    BOOST_TEST(without_section(text, "profile.none") == text);
    BOOST_TEST(without_section("[a]\nx = 1\n\n[b]\n", "a") == "[b]\n");
}

BOOST_AUTO_TEST_CASE(what_was_edited_reads_as_it_should) {
    const auto edited = with_fields(without_section(text, "profile.work"), "profile.new", {{"host", "n"}});
    const auto sections = parse_ini(edited);
    BOOST_REQUIRE(sections.has_value());
    BOOST_REQUIRE(sections->size() == 3u);
    BOOST_TEST(sections->at(1).name == "profile.home");
    BOOST_TEST(sections->at(2).fields.at(0).value == "n");
}

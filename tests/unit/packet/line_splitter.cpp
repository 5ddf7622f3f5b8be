#include "packet/line_splitter.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using chronoknock::packet::line_splitter;

namespace {

using texts = std::vector<std::string>;

texts take(line_splitter& s, std::string_view text) {
    texts all;
    s.take(text, [&](std::string_view one) { all.emplace_back(one); });
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(line_splitters)

BOOST_AUTO_TEST_CASE(lines_come_whole_however_they_are_cut) {
    const std::string text = "one\ntwo\r\n\nfour and more\n";
    const texts expected = {"one", "two", "", "four and more"};
    for (std::size_t size = 1; size <= text.size(); ++size) {
        line_splitter s;
        texts all;
        for (std::size_t at = 0; at < text.size(); at += size)
            for (auto& one : take(s, text.substr(at, size))) all.push_back(std::move(one));
        BOOST_TEST(all == expected, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(without_its_end_a_line_is_none) {
    line_splitter s;
    BOOST_TEST(take(s, "half").empty());
    s.restart(false);
    BOOST_TEST(s.cut() == 1u);
    BOOST_TEST(take(s, "whole\n") == texts{"whole"}, boost::test_tools::per_element());
    BOOST_TEST(s.cut() == 1u);
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_line_is_none) {
    line_splitter s;
    s.restart(true);
    BOOST_TEST(take(s, "of a line").empty());
    BOOST_TEST(take(s, ", its end\nwhole\n") == texts{"whole"}, boost::test_tools::per_element());
    s.restart(true);
    BOOST_TEST(take(s, "\nwhole\n") == texts{"whole"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_too_long_is_passed_over_to_its_end) {
    const std::string longest(line_splitter::most_line, 'a');
    for (const std::size_t size : {1u, 7u, 100u, 100000u}) {
        line_splitter s;
        texts all;
        const auto text = longest + "\n" + longest + "x\n" + longest + longest + longest + "\nnext\n";
        for (std::size_t at = 0; at < text.size(); at += size)
            for (auto& one : take(s, text.substr(at, size))) all.push_back(std::move(one));
        BOOST_TEST(all == (texts{longest, "next"}), boost::test_tools::per_element());
        BOOST_TEST(s.too_long() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(zeros_before_a_line_are_a_hole) {
    line_splitter s;
    BOOST_TEST(take(s, std::string(100000, '\0')).empty());
    BOOST_TEST(take(s, std::string(3, '\0') + "first\nsec" + '\0' + "ond\n") ==
                   (texts{"first", std::string("sec") + '\0' + "ond"}),
               boost::test_tools::per_element());
    BOOST_TEST(s.too_long() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

#include "io/control/protocol.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using io::frame_header;
namespace json = boost::json;

namespace {

std::string refusal_of(std::string_view text) {
    const auto r = io::parse_request(text);
    return r ? "none" : r.error().text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(control_protocol)

BOOST_AUTO_TEST_CASE(a_frame_is_its_length_most_significant_first_and_its_text) {
    BOOST_TEST(io::to_frame("{}") == std::string("\0\0\0\2{}", 6));
    const auto long_frame = io::to_frame(std::string(0x10203, 'x'));
    BOOST_TEST(long_frame.substr(0, 4) == std::string("\0\1\2\3", 4));
    BOOST_TEST(long_frame.size() == 0x10203u + 4);
    BOOST_TEST(io::frame_size(frame_header{0, 1, 2, 3}, 1 << 20).value() == 0x10203u);
}

BOOST_AUTO_TEST_CASE(a_length_is_bounded) {
    BOOST_TEST(io::frame_size(frame_header{0, 1, 0, 0}, io::most_request).value() == 65536u);
    for (const auto& header :
         {frame_header{0, 1, 0, 1}, frame_header{0xff, 0xff, 0xff, 0xff}, frame_header{}})
        BOOST_TEST(io::frame_size(header, io::most_request).has_error());
    BOOST_TEST(io::frame_size(frame_header{0, 1, 0, 1}, io::most_request).error().text ==
               "expected 1 to 65536 bytes of JSON, not 65537");
}

BOOST_AUTO_TEST_CASE(a_request_is_read_as_it_was_written) {
    const io::request r{"revoke", {{"address", "192.0.2.1"}, {"services", json::array{"ssh", "web"}}}};
    BOOST_TEST((io::parse_request(io::to_text(r)).value() == r));
    const auto least = io::parse_request(R"({"operation":"status"})").value();
    BOOST_TEST(least.operation == "status");
    BOOST_TEST(least.arguments.empty());
}

BOOST_AUTO_TEST_CASE(a_malformed_request_is_refused_in_one_printable_line) {
    BOOST_TEST(refusal_of("").starts_with("request: expected JSON: "));
    BOOST_TEST(refusal_of(R"({"operation":"status")").starts_with("request: expected JSON: "));
    BOOST_TEST(refusal_of(R"({"operation":"status"} {})").starts_with("request: expected JSON: "));
    BOOST_TEST(refusal_of(std::string(100, '[')).starts_with("request: expected JSON: "));
    BOOST_TEST(refusal_of("[]") == "request: expected a JSON object");
    for (const auto* text : {"{}", R"({"operation":""})", R"({"arguments":{}})"})
        BOOST_TEST(refusal_of(text) == "request: expected an operation");
    for (const auto* text : {R"({"operation":1})", R"({"operation":"a","arguments":[]})"})
        BOOST_TEST(
            refusal_of(text).starts_with("request: expected a text operation and an object arguments"));
    BOOST_TEST(refusal_of(R"({"operation":"a","b\nc":1})") ==
               "request: expected a text operation and an object arguments, not b\\x0ac");
}

BOOST_AUTO_TEST_CASE(an_answer_is_read_as_it_was_written) {
    const json::object status{{"pid", 1}};
    BOOST_TEST((io::parse_answer(io::to_text(io::answer(status))).value() == status));
    const auto coded =
        io::parse_answer(io::to_text(io::answer(io::refusal(error{"no key 'x'"}, 1, io::nothing_to_end))));
    BOOST_TEST((coded.error().text == "no key 'x'" && coded.error().code == io::nothing_to_end));
    BOOST_TEST(io::parse_answer(R"({"error":"no key 'x'","code":7})").error().code.empty());
    BOOST_TEST(io::parse_answer(io::to_text(io::answer(error{"no\nsuch grant"}))).error().text ==
               "no\nsuch grant");
    for (const auto* text : {"", "{}", "[]", R"({"result":1})", R"({"error":{}})", R"({"result":{})"})
        BOOST_TEST(io::parse_answer(text).error().text ==
                   "the server's answer is not what this program knows");
}

BOOST_AUTO_TEST_CASE(an_answer_beyond_the_bound_becomes_an_error) {
    const io::answer whole(json::object{{"text", std::string(io::most_answer, 'x')}});
    const auto text = io::to_text(whole);
    BOOST_TEST(text.size() < 100u);
    BOOST_TEST(io::parse_answer(text).error().text == "the answer is longer than 67108864 bytes");
}

BOOST_AUTO_TEST_SUITE_END()

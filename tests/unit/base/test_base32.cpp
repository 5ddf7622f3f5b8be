#include "base/base32.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;

namespace {

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

} // namespace

BOOST_AUTO_TEST_SUITE(base32)

/// The vectors of RFC 4648, section 10, less the padding.
BOOST_AUTO_TEST_CASE(known_answers) {
    for (const auto& [plain, text] : {std::pair{"", ""},
                                      {"f", "co"},
                                      {"fo", "cpng"},
                                      {"foo", "cpnmu"},
                                      {"foob", "cpnmuog"},
                                      {"fooba", "cpnmuoj1"},
                                      {"foobar", "cpnmuoj1e8"}}) {
        BOOST_TEST(to_base32hex(bytes(plain)) == text);
        const auto back = from_base32hex(text);
        BOOST_REQUIRE(back.has_value());
        BOOST_TEST(*back == bytes(plain));
    }
    BOOST_TEST((from_base32hex("CPNMUOJ1E8") == bytes("foobar")));
}

BOOST_AUTO_TEST_CASE(what_no_bytes_have_is_refused) {
    for (const auto* text : {"c", "cpn", "cpnmuo", "cp", "cpnmuoj1e9", "co======", "cw", "c o", "c\0"})
        BOOST_TEST(!from_base32hex(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()

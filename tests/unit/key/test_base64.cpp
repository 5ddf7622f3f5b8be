#include "key/base64.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using namespace chronoknock;

namespace {

std::string encoded(std::string_view text) {
    return key::to_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
std::string decoded(std::string_view text) {
    const auto bytes = key::from_base64(text);
    return bytes ? std::string(bytes->begin(), bytes->end()) : "none";
}

} // namespace

BOOST_AUTO_TEST_CASE(base64_without_padding_is_that_of_rfc_4648) {
    BOOST_TEST(encoded("") == "");
    BOOST_TEST(encoded("f") == "Zg");
    BOOST_TEST(encoded("fo") == "Zm8");
    BOOST_TEST(encoded("foo") == "Zm9v");
    BOOST_TEST(encoded("foob") == "Zm9vYg");
    BOOST_TEST(encoded("fooba") == "Zm9vYmE");
    BOOST_TEST(encoded("foobar") == "Zm9vYmFy");
    for (const auto* text : {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy", "+/+/"})
        BOOST_TEST(encoded(decoded(text)) == text);
    BOOST_TEST(decoded("Zg==") == "f");
    BOOST_TEST(decoded("Zm8=") == "fo");
}

BOOST_AUTO_TEST_CASE(base64_has_one_spelling) {
    for (const auto* text : {"Z", "Zh", "Zm9", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v====", " Zg", "Zg\n",
                             "Zm8-", "Zm 8", "Z\xc3\xa9==", "Zm9vYmF", "Zm9vYh"})
        BOOST_TEST(decoded(text) == "none", text);
}

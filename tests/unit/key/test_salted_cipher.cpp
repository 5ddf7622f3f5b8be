#include "base/text.hpp"
#include "key/hmac.hpp"
#include "key/salted_cipher.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using namespace chronoknock;

namespace {

using bytes = std::vector<std::uint8_t>;

byte_view view(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hmac_of(const std::string& digest, byte_view key, std::initializer_list<byte_view> parts) {
    key::hmac mac(digest, key);
    std::array<std::uint8_t, key::hmac::most_size> out{};
    mac(parts, out.data());
    mac(parts, out.data()); // keyed once, used twice
    std::string text;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", out[i]);
        text += digits;
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(hmac_is_that_of_rfc_4231_and_2202) {
    BOOST_TEST(hmac_of("sha256", view("Jefe"), {view("what do ya want "), view("for nothing?")}) ==
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    BOOST_TEST(hmac_of("md5", view("Jefe"), {view("what do ya want for nothing?")}) ==
               "750c783e6ab0b503eaa86e310a5db738");
    BOOST_TEST(hmac_of("sha1", view("Jefe"), {view("what do ya want for nothing?")}) ==
               "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    // A key longer than a block is hashed first.
    BOOST_TEST(hmac_of("sha256", bytes(131, 0xaa),
                       {view("Test Using Larger Than Block-Size Key - Hash Key First")}) ==
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    BOOST_CHECK_THROW(key::hmac("nothing", view("k")), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(same_compares_all_bytes) {
    BOOST_TEST(key::same(view("abc"), view("abc")));
    BOOST_TEST(!key::same(view("abc"), view("abd")));
    BOOST_TEST(!key::same(view("abc"), view("ab")));
    BOOST_TEST(key::same({}, {}));
}

// printf 'hello, fwknop' | openssl enc -aes-256-cbc -md md5 -S 0102030405060708 -pass pass:secret
// (OpenSSL 3.0.19, which leaves "Salted__" and the salt to the caller).
BOOST_AUTO_TEST_CASE(cipher_is_that_of_openssl_enc) {
    const std::array<std::uint8_t, 8> salt = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto sealed = key::seal_salted(view("secret"), salt, view("hello, fwknop"));
    const auto expected =
        parse_hex("53616c7465645f5f0102030405060708a5f8a6dd49a4fd9c419b1dfc085f8a6e").value();
    BOOST_TEST(sealed == expected);
    const auto plain = key::open_salted(view("secret"), sealed);
    BOOST_REQUIRE(plain.has_value());
    BOOST_TEST(std::string(plain->begin(), plain->end()) == "hello, fwknop");
}

BOOST_AUTO_TEST_CASE(what_was_not_sealed_so_is_not_opened) {
    const std::array<std::uint8_t, 8> salt = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto sealed =
        key::seal_salted(view("secret"), salt, view("hello, fwknop, and more than one block"));
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        const auto cut = byte_view(sealed).first(size);
        const auto plain = key::open_salted(view("secret"), cut);
        // A cut by whole blocks may have a padding by chance (one of 256), and these have not.
        BOOST_TEST(!plain.has_value(), "cut to " << size);
    }
    auto other = sealed;
    other[0] ^= 1;
    BOOST_TEST(!key::open_salted(view("secret"), other).has_value());
}

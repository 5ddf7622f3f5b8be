#include "base/text.hpp"
#include "key/siv.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <openssl/evp.h>

using namespace chronoknock;
using namespace chronoknock::key;

namespace {

using bytes = std::vector<std::uint8_t>;

siv siv_of(std::string_view hex) {
    const auto b = parse_hex(hex).value();
    siv::key_bytes k{};
    std::ranges::copy(b, k.begin());
    return siv{k};
}

bytes hex(std::string_view text) { return parse_hex(text).value(); }

const char* const key1 = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const char* const ad1 = "101112131415161718191a1b1c1d1e1f2021222324252627";

/// What OpenSSL's own SIV, which takes no empty parts, makes of it.
bytes openssl_opens(std::string_view key, std::initializer_list<byte_view> associated, bytes sealed) {
    auto* aes = EVP_CIPHER_fetch(nullptr, "AES-128-SIV", nullptr);
    auto* c = EVP_CIPHER_CTX_new();
    int size = 0;
    bool ok = EVP_DecryptInit_ex2(c, aes, hex(key).data(), nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, sealed.data()) == 1;
    for (const auto a : associated)
        ok = ok && EVP_DecryptUpdate(c, nullptr, &size, a.data(), static_cast<int>(a.size())) == 1;
    bytes out(sealed.size() - 16);
    ok = ok && EVP_DecryptUpdate(c, out.data(), &size, sealed.data() + 16, static_cast<int>(out.size())) == 1;
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(aes);
    return ok ? out : bytes{};
}

} // namespace

BOOST_AUTO_TEST_SUITE(aes_siv)

// RFC 5297, appendix A.1
BOOST_AUTO_TEST_CASE(deterministic_vector) {
    const auto k = siv_of(key1);
    const auto ad = hex(ad1);
    const auto plain = hex("112233445566778899aabbccddee");
    const auto sealed = hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
    BOOST_TEST(k.seal({ad}, plain).value() == sealed);
    BOOST_TEST(k.open({ad}, sealed).value() == plain);
}

// RFC 5297, appendix A.2
BOOST_AUTO_TEST_CASE(nonce_vector) {
    const auto k = siv_of("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
    const auto first =
        hex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100");
    const auto second = hex("102030405060708090a0");
    const auto nonce = hex("09f911029d74e35bd84156c5635688c0");
    const auto plain =
        hex("7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d"
            "414553");
    const auto sealed =
        hex("7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748"
            "ba8af829ea64ad544a272e9c485b62a3fd5c0d");
    BOOST_TEST(k.seal({first, second, nonce}, plain).value() == sealed);
    BOOST_TEST(k.open({first, second, nonce}, sealed).value() == plain);
}

BOOST_AUTO_TEST_CASE(what_is_kept_of_a_key_is_that_keys) {
    const auto ad = hex(ad1);
    const auto plain = hex("112233445566778899aabbccddee");
    const auto sealed = hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
    auto forged = sealed;
    forged.back() ^= 1;
    auto k = siv_of(key1);
    const auto other = siv_of("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
    const auto by_other = other.seal({ad}, plain).value();
    for (int again = 0; again < 3; ++again) {
        BOOST_TEST(!k.open({ad}, forged));
        BOOST_TEST(!k.open({ad, ad}, sealed));
        BOOST_TEST(k.open({ad}, sealed).value() == plain);
        BOOST_TEST(k.seal({ad}, plain).value() == sealed);
        BOOST_TEST(!other.open({ad}, sealed));
    }
    auto copy = k;
    auto moved = std::move(k);
    BOOST_TEST(copy.open({ad}, sealed).value() == plain);
    BOOST_TEST(moved.open({ad}, sealed).value() == plain);
    copy = other; // which was used as the first key
    BOOST_TEST(!copy.open({ad}, sealed));
    BOOST_TEST(copy.open({ad}, by_other).value() == plain);
    copy = std::move(moved);
    BOOST_TEST(copy.open({ad}, sealed).value() == plain);
}

// Known answers made by the openssl command's CMAC, S2V done by hand.
BOOST_AUTO_TEST_CASE(empty_plaintext) {
    const auto nonce = hex("000102030405060708090a0b0c0d0e0f");
    const auto ad = hex(ad1);
    const auto k = siv_of(key1);
    const auto tag = k.seal({ad, nonce}, {}).value();
    BOOST_TEST(tag == hex("374442d73fa0017134795ce3ddc06cc0"));
    BOOST_TEST(k.open({ad, nonce}, tag).value().empty());
    BOOST_TEST(k.open({nonce, ad}, tag).has_error());

    const auto other = siv_of("0123456789abcdeff0123456789abcdeef0123456789abcddef0123456789abc");
    BOOST_TEST(other.seal({bytes{}, hex(std::string_view{ad1}.substr(0, 32))}, {}).value() ==
               hex("223eb594e0e0254b00258e219a1ca421"));
}

BOOST_AUTO_TEST_CASE(every_size_goes_round) {
    const auto k = siv_of(key1);
    const auto nonce = hex("000102030405060708090a0b0c0d0e0f");
    for (std::size_t n = 0; n <= 80; ++n) {
        const bytes ad(n * 3 % 50, 0x5a);
        const bytes plain(n, static_cast<std::uint8_t>(n));
        const auto sealed = k.seal({ad, nonce}, plain).value();
        BOOST_TEST(k.open({ad, nonce}, sealed).value() == plain);
        if (n > 0 && !ad.empty()) BOOST_TEST(openssl_opens(key1, {ad, nonce}, sealed) == plain);
    }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_seen) {
    const auto k = siv_of(key1);
    const auto ad = hex(ad1);
    const auto sealed = k.seal({ad}, hex("112233445566778899aabbccddee")).value();
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        auto forged = sealed;
        forged[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        BOOST_TEST(k.open({ad}, forged).has_error());
    }
    for (std::size_t n = 0; n < sealed.size(); ++n)
        BOOST_TEST(k.open({ad}, byte_view{sealed}.first(n)).has_error());
}

BOOST_AUTO_TEST_SUITE_END()

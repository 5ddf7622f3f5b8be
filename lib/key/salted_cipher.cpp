#include "key/salted_cipher.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdexcept>

namespace chronoknock::key {

namespace {

using context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

/// The cipher begun, its key and IV made of secret and salt; null if OpenSSL does not give them.
context begin(byte_view secret, const std::uint8_t* salt, bool encrypts) {
    std::array<std::uint8_t, EVP_MAX_KEY_LENGTH> key{};
    std::array<std::uint8_t, EVP_MAX_IV_LENGTH> iv{};
    context c{EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
    const bool ok =
        c &&
        EVP_BytesToKey(EVP_aes_256_cbc(), EVP_md5(), salt, secret.data(), static_cast<int>(secret.size()), 1,
                       key.data(), iv.data()) == 32 &&
        EVP_CipherInit_ex(c.get(), EVP_aes_256_cbc(), nullptr, key.data(), iv.data(), encrypts) == 1;
    OPENSSL_cleanse(key.data(), key.size());
    if (!ok) c.reset();
    return c;
}

/// Room for `in` and a block, cut to what came of it; none if the padding is wrong.
template <class Bytes>
std::optional<Bytes> run(const context& c, byte_view in) {
    Bytes out(in.size() + cipher_block_size);
    int first = 0;
    int last = 0;
    if (EVP_CipherUpdate(c.get(), out.data(), &first, in.data(), static_cast<int>(in.size())) != 1 ||
        EVP_CipherFinal_ex(c.get(), out.data() + first, &last) != 1)
        return {};
    out.resize(static_cast<std::size_t>(first) + static_cast<std::size_t>(last));
    return out;
}

} // namespace

std::vector<std::uint8_t> seal_salted(byte_view secret, std::span<const std::uint8_t, cipher_salt_size> salt,
                                      byte_view plain) {
    const auto c = begin(secret, salt.data(), true);
    const auto text = c ? run<std::vector<std::uint8_t>>(c, plain) : std::nullopt;
    if (!text) throw std::runtime_error("OpenSSL: AES-256-CBC with a key by MD5 is not to be had");
    std::vector<std::uint8_t> all(salted_mark.begin(), salted_mark.end());
    all.insert(all.end(), salt.begin(), salt.end());
    all.insert(all.end(), text->begin(), text->end());
    return all;
}

std::optional<secret_bytes> open_salted(byte_view secret, byte_view sealed) {
    constexpr auto head = salted_mark.size() + cipher_salt_size;
    if (sealed.size() < head + cipher_block_size || (sealed.size() - head) % cipher_block_size != 0 ||
        !std::equal(salted_mark.begin(), salted_mark.end(), sealed.begin()))
        return {};
    const auto c = begin(secret, sealed.data() + salted_mark.size(), false);
    if (!c) return {};
    return run<secret_bytes>(c, sealed.subspan(head));
}

} // namespace chronoknock::key

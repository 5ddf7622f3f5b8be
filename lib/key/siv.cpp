#include "key/siv.hpp"

#include <algorithm>
#include <memory>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace chronoknock::key {

namespace {

using block = std::array<std::uint8_t, 16>;

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, deleter<Free>>;
using cipher = owned<EVP_CIPHER, EVP_CIPHER_free>;
using cipher_context = owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using mac_context = owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;

error broken() { return {"OpenSSL: AES-SIV is not to be had"}; }

/// OpenSSL 3.0's AES-128-SIV refuses empty plaintext, which is what every NTS request has, and empty
/// associated data; so SIV is put together here of its CMAC and its counter mode.
class cmac {
public:
    explicit cmac(byte_view key) {
        const owned<EVP_MAC, EVP_MAC_free> mac{EVP_MAC_fetch(nullptr, "CMAC", nullptr)};
        context_.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
        char name[] = "AES-128-CBC";
        const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0),
                                     OSSL_PARAM_construct_end()};
        ok_ = context_ && EVP_MAC_init(context_.get(), key.data(), key.size(), params) == 1;
    }

    block operator()(byte_view head, byte_view tail = {}) {
        block out{};
        std::size_t size = 0;
        ok_ = ok_ && EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
              EVP_MAC_update(context_.get(), head.data(), head.size()) == 1 &&
              EVP_MAC_update(context_.get(), tail.data(), tail.size()) == 1 &&
              EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1;
        return out;
    }

    explicit operator bool() const { return ok_; }

private:
    mac_context context_;
    bool ok_ = false;
};

/// Multiplication by x in GF(2^128) (RFC 5297, section 2.3).
block doubled(const block& b) {
    block out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned next = i + 1 < b.size() ? b[i + 1] : 0u;
        out[i] = static_cast<std::uint8_t>(b[i] << 1 | next >> 7);
    }
    if (b[0] & 0x80) out[15] ^= 0x87;
    return out;
}

void xor_into(block& to, const block& from) { std::ranges::transform(to, from, to.begin(), std::bit_xor{}); }

/// RFC 5297, section 2.4.
result<block> s2v(byte_view key, std::initializer_list<byte_view> associated, byte_view plain) {
    cmac mac{key};
    block d = mac(block{});
    for (const auto a : associated) {
        d = doubled(d);
        xor_into(d, mac(a));
    }
    block tag;
    if (plain.size() >= d.size()) {
        const auto tail = plain.last(d.size());
        std::ranges::transform(d, tail, d.begin(), std::bit_xor{});
        tag = mac(plain.first(plain.size() - d.size()), d);
    } else {
        block padded{};
        std::ranges::copy(plain, padded.begin());
        padded[plain.size()] = 0x80;
        d = doubled(d);
        xor_into(d, padded);
        tag = mac(d);
    }
    if (!mac) return broken();
    return tag;
}

} // namespace

siv::~siv() { OPENSSL_cleanse(key_.data(), key_.size()); }

siv siv::derive(expander& e, byte_view info) {
    siv made;
    e.expand(info, made.key_);
    return made;
}

/// RFC 5297, section 2.6: the counter starts at the tag with the two top bits of its lower words cleared.
result<std::vector<std::uint8_t>> siv::crypt(std::span<const std::uint8_t, tag_size> tag,
                                             byte_view in) const {
    if (in.empty()) return std::vector<std::uint8_t>{};
    block start;
    std::ranges::copy(tag, start.begin());
    start[8] &= 0x7f;
    start[12] &= 0x7f;
    const cipher aes{EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr)};
    const cipher_context context{EVP_CIPHER_CTX_new()};
    std::vector<std::uint8_t> out(in.size());
    int size = 0;
    if (!aes || !context ||
        EVP_EncryptInit_ex2(context.get(), aes.get(), key_.data() + 16, start.data(), nullptr) != 1 ||
        EVP_EncryptUpdate(context.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) != 1)
        return broken();
    return out;
}

result<std::vector<std::uint8_t>> siv::seal(std::initializer_list<byte_view> associated,
                                            byte_view plain) const {
    const auto tag = s2v(byte_view{key_}.first(16), associated, plain);
    if (!tag) return tag.error();
    const auto text = crypt(*tag, plain);
    if (!text) return text.error();
    std::vector<std::uint8_t> out{tag->begin(), tag->end()};
    out.insert(out.end(), text->begin(), text->end());
    return out;
}

result<std::vector<std::uint8_t>> siv::open(std::initializer_list<byte_view> associated,
                                            byte_view sealed) const {
    const error forged{"the authenticator does not fit the packet"};
    if (sealed.size() < tag_size) return forged;
    const auto tag = sealed.first<tag_size>();
    auto plain = crypt(tag, sealed.subspan(tag_size));
    if (!plain) return plain;
    const auto expected = s2v(byte_view{key_}.first(16), associated, *plain);
    if (!expected) return expected.error();
    if (CRYPTO_memcmp(expected->data(), tag.data(), tag_size) != 0) return forged;
    return plain;
}

} // namespace chronoknock::key

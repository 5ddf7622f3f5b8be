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

/// Multiplication by x in GF(2^128) (RFC 5297, section 2.3).
block doubled(const block& b) {
    block out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned next = i + 1 < b.size() ? unsigned{b[i + 1]} : 0u;
        out[i] = static_cast<std::uint8_t>(unsigned{b[i]} << 1 | next >> 7);
    }
    if (b[0] & 0x80) out[15] ^= 0x87;
    return out;
}

void xor_into(block& to, const block& from) { std::ranges::transform(to, from, to.begin(), std::bit_xor{}); }

} // namespace

/// OpenSSL 3.0's AES-128-SIV refuses empty plaintext, which is what every NTS request has, and empty
/// associated data; so SIV is put together here of its CMAC and its counter mode.
class siv::contexts {
public:
    explicit contexts(const key_bytes& key) {
        const auto halves = std::span(key);
        const owned<EVP_MAC, EVP_MAC_free> mac{EVP_MAC_fetch(nullptr, "CMAC", nullptr)};
        const cipher aes{EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr)};
        mac_.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
        counter_.reset(EVP_CIPHER_CTX_new());
        char name[] = "AES-128-CBC";
        const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0),
                                     OSSL_PARAM_construct_end()};
        ok_ = mac_ && counter_ && aes && EVP_MAC_init(mac_.get(), halves.data(), half, params) == 1 &&
              EVP_EncryptInit_ex2(counter_.get(), aes.get(), halves.data() + half, nullptr, nullptr) == 1;
        of_zero_ = cmac(block{});
    }

    contexts(const contexts&) = delete;
    contexts& operator=(const contexts&) = delete;
    ~contexts() { OPENSSL_cleanse(of_zero_.data(), of_zero_.size()); }

    /// False once OpenSSL has failed.
    explicit operator bool() const { return ok_; }

    /// RFC 5297, section 2.4.
    block s2v(std::initializer_list<byte_view> associated, byte_view plain) {
        block d = of_zero_;
        for (const auto a : associated) {
            d = doubled(d);
            xor_into(d, cmac(a));
        }
        if (plain.size() >= d.size()) {
            const auto tail = plain.last(d.size());
            std::ranges::transform(d, tail, d.begin(), std::bit_xor{});
            return cmac(plain.first(plain.size() - d.size()), d);
        }
        block padded{};
        std::ranges::copy(plain, padded.begin());
        padded[plain.size()] = 0x80;
        d = doubled(d);
        xor_into(d, padded);
        return cmac(d);
    }

    /// RFC 5297, section 2.6: the counter starts at the tag with the two top bits of its lower words cleared.
    std::vector<std::uint8_t> crypt(std::span<const std::uint8_t, tag_size> tag, byte_view in) {
        std::vector<std::uint8_t> out(in.size());
        if (in.empty()) return out;
        block start;
        std::ranges::copy(tag, start.begin());
        start[8] &= 0x7f;
        start[12] &= 0x7f;
        int size = 0;
        ok_ =
            ok_ && EVP_EncryptInit_ex2(counter_.get(), nullptr, nullptr, start.data(), nullptr) == 1 &&
            EVP_EncryptUpdate(counter_.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) == 1;
        return out;
    }

private:
    static constexpr std::size_t half = key_size / 2;

    block cmac(byte_view head, byte_view tail = {}) {
        block out{};
        std::size_t size = 0;
        ok_ = ok_ && EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) == 1 &&
              EVP_MAC_update(mac_.get(), head.data(), head.size()) == 1 &&
              EVP_MAC_update(mac_.get(), tail.data(), tail.size()) == 1 &&
              EVP_MAC_final(mac_.get(), out.data(), &size, out.size()) == 1;
        return out;
    }

    mac_context mac_;        ///< CMAC with the first half of the key
    cipher_context counter_; ///< AES-CTR with the second
    bool ok_ = false;
    block of_zero_; ///< CMAC of a block of zeros, where each S2V begins
};

siv::siv() = default;
siv::siv(const key_bytes& k) : key_(k) {}
siv::siv(const siv& other) : key_(other.key_) {}
siv& siv::operator=(const siv& other) {
    key_ = other.key_;
    contexts_.reset();
    return *this;
}
siv::siv(siv&& other) noexcept = default;
siv& siv::operator=(siv&& other) noexcept = default;
siv::~siv() { OPENSSL_cleanse(key_.data(), key_.size()); }

siv siv::derive(expander& e, byte_view info) {
    siv made;
    e.expand(info, made.key_);
    return made;
}

siv::contexts* siv::use() const {
    if (!contexts_ || !*contexts_) contexts_ = std::make_unique<contexts>(key_);
    return *contexts_ ? contexts_.get() : nullptr;
}

result<std::vector<std::uint8_t>> siv::seal(std::initializer_list<byte_view> associated,
                                            byte_view plain) const {
    auto* const c = use();
    if (!c) return broken();
    const auto tag = c->s2v(associated, plain);
    const auto text = c->crypt(tag, plain);
    if (!*c) return broken();
    std::vector<std::uint8_t> out{tag.begin(), tag.end()};
    out.insert(out.end(), text.begin(), text.end());
    return out;
}

result<std::vector<std::uint8_t>> siv::open(std::initializer_list<byte_view> associated,
                                            byte_view sealed) const {
    const error forged{"the authenticator does not fit the packet"};
    if (sealed.size() < tag_size) return forged;
    auto* const c = use();
    if (!c) return broken();
    const auto tag = sealed.first<tag_size>();
    auto plain = c->crypt(tag, sealed.subspan(tag_size));
    const auto expected = c->s2v(associated, plain);
    if (!*c) return broken();
    if (CRYPTO_memcmp(expected.data(), tag.data(), tag_size) != 0) return forged;
    return plain;
}

} // namespace chronoknock::key

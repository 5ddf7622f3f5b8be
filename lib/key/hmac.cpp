// The low-level HMAC calls are deprecated since OpenSSL 3.0 and still there; see expander.cpp for why.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/hmac.hpp"

#include "key/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdexcept>

namespace chronoknock::key {

struct hmac::impl {
    std::size_t size;
    std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest; ///< the context only points to it
    std::unique_ptr<HMAC_CTX, decltype(&HMAC_CTX_free)> context;
};

hmac::hmac(const std::string& digest, byte_view key)
    : impl_(new impl{digest_size(digest),
                     {EVP_MD_fetch(nullptr, digest.c_str(), nullptr), EVP_MD_free},
                     {HMAC_CTX_new(), HMAC_CTX_free}}) {
    if (!impl_->digest || !impl_->context ||
        HMAC_Init_ex(impl_->context.get(), key.data(), static_cast<int>(key.size()), impl_->digest.get(),
                     nullptr) != 1)
        throw std::runtime_error("OpenSSL does not give HMAC with " + digest);
}

hmac::hmac(hmac&&) noexcept = default;
hmac& hmac::operator=(hmac&&) noexcept = default;
hmac::~hmac() = default;

std::size_t hmac::size() const { return impl_->size; }

void hmac::operator()(std::initializer_list<byte_view> parts, std::uint8_t* out) {
    auto* const context = impl_->context.get();
    bool ok = HMAC_Init_ex(context, nullptr, 0, nullptr, nullptr) == 1;
    for (const auto part : parts) ok = ok && HMAC_Update(context, part.data(), part.size()) == 1;
    if (!ok || HMAC_Final(context, out, nullptr) != 1)
        throw std::runtime_error("OpenSSL failed to authenticate");
}

bool same(byte_view a, byte_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace chronoknock::key

// The low-level HMAC calls are deprecated since OpenSSL 3.0 and still there; see expander::impl for why.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/expander.hpp"

#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdexcept>

namespace chronoknock::key {

/// On OpenSSL's HMAC, in a context keyed once: its KDF of that name keys one anew at each call, three times
/// the cost, and a server with many keys expands some before it answers. By the low-level calls: EVP_MAC
/// keeps a copy of the key, these only the states of the hash that come of it.
struct expander::impl {
    impl(const std::string& digest, std::span<const std::uint8_t> prk)
        : size_(digest_size(digest)), digest_(EVP_MD_fetch(nullptr, digest.c_str(), nullptr), EVP_MD_free),
          context_(HMAC_CTX_new(), HMAC_CTX_free) {
        if (!digest_ || !context_ ||
            HMAC_Init_ex(context_.get(), prk.data(), static_cast<int>(prk.size()), digest_.get(), nullptr) !=
                1)
            throw std::runtime_error("OpenSSL does not give HMAC with " + digest);
    }

    void expand(std::span<const std::uint8_t> info, std::span<std::uint8_t> out) {
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> block{};
        for (std::uint8_t i = 1; !out.empty(); ++i) {
            const auto previous = std::span{block}.first(i == 1 ? 0 : size_);
            if (HMAC_Init_ex(context_.get(), nullptr, 0, nullptr, nullptr) != 1 ||
                HMAC_Update(context_.get(), previous.data(), previous.size()) != 1 ||
                HMAC_Update(context_.get(), info.data(), info.size()) != 1 ||
                HMAC_Update(context_.get(), &i, 1) != 1 ||
                HMAC_Final(context_.get(), block.data(), nullptr) != 1)
                throw std::runtime_error("OpenSSL failed to expand a key");
            const auto taken = std::min(out.size(), size_);
            std::copy_n(block.begin(), taken, out.begin());
            out = out.subspan(taken);
        }
        OPENSSL_cleanse(block.data(), block.size()); // it may have been a key
    }

    std::size_t size_;
    std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest_; ///< the context only points to it
    std::unique_ptr<HMAC_CTX, decltype(&HMAC_CTX_free)> context_;
};

expander::expander(const std::string& digest, std::span<const std::uint8_t> prk)
    : impl_(std::make_unique<impl>(digest, prk)) {}
expander::expander(expander&&) noexcept = default;
expander& expander::operator=(expander&&) noexcept = default;
expander::~expander() = default;

void expander::expand(std::span<const std::uint8_t> info, std::span<std::uint8_t> out) {
    impl_->expand(info, out);
}

void store_time(std::int64_t t, std::uint8_t* out) {
    for (int shift = 56; shift >= 0; shift -= 8)
        *out++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(t) >> shift);
}

void label::begin(std::string_view realm, std::string_view service, std::string_view purpose) {
    bytes_.clear();
    for (const std::string_view part : {std::string_view("chronoknock/1"), realm, service, purpose}) {
        bytes_.insert(bytes_.end(), part.begin(), part.end());
        bytes_.push_back(0);
    }
}

void label::add_time(std::int64_t t0) {
    std::array<std::uint8_t, 8> bytes;
    store_time(t0, bytes.data());
    add(bytes);
}

} // namespace chronoknock::key

// The low-level calls are deprecated since OpenSSL 3.0 and still there; see digest.hpp for why.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdexcept>
#include <string_view>

namespace chronoknock::key {

namespace {

std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> fetch(const std::string& name) {
    return {EVP_MD_fetch(nullptr, name.c_str(), nullptr), EVP_MD_free};
}

template <class Context, auto init, auto update, auto final>
void hash(std::span<const std::uint8_t> message, std::uint8_t* out) {
    Context context;
    init(&context);
    update(&context, message.data(), message.size());
    final(out, &context);
}

struct fast {
    std::string_view name;
    std::size_t size;
    void (*call)(std::span<const std::uint8_t>, std::uint8_t*);
};
constexpr std::array<fast, 4> fast_digests = {{
    {"md5", MD5_DIGEST_LENGTH, hash<MD5_CTX, MD5_Init, MD5_Update, MD5_Final>},
    {"sha256", SHA256_DIGEST_LENGTH, hash<SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final>},
    {"sha384", SHA384_DIGEST_LENGTH, hash<SHA512_CTX, SHA384_Init, SHA384_Update, SHA384_Final>},
    {"sha512", SHA512_DIGEST_LENGTH, hash<SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final>},
}};

const fast* find_fast(std::string_view name) {
    const auto* const found = std::ranges::find(fast_digests, name, &fast::name);
    return found == fast_digests.end() ? nullptr : found;
}

} // namespace

std::size_t digest_size(const std::string& name) {
    if (const auto* const f = find_fast(name)) return f->size;
    const auto md = fetch(name);
    if (!md || (EVP_MD_get_flags(md.get()) & EVP_MD_FLAG_XOF) != 0) return 0;
    const int size = EVP_MD_get_size(md.get());
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

digest::digest(const std::string& name) : size_(digest_size(name)), low_level_(nullptr) {
    if (const auto* const f = find_fast(name)) {
        low_level_ = f->call;
        return;
    }
    context_.reset(EVP_MD_CTX_new());
    if (size_ == 0 || !context_ || EVP_DigestInit_ex2(context_.get(), fetch(name).get(), nullptr) != 1)
        throw std::runtime_error("OpenSSL does not give the digest " + name);
}

void digest::operator()(std::span<const std::uint8_t> message, std::uint8_t* out) {
    if (low_level_ != nullptr) return low_level_(message, out);
    if (EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) != 1 ||
        EVP_DigestUpdate(context_.get(), message.data(), message.size()) != 1 ||
        EVP_DigestFinal_ex(context_.get(), out, nullptr) != 1)
        throw std::runtime_error("OpenSSL failed to hash");
}

} // namespace chronoknock::key

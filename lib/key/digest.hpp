#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <openssl/evp.h>
#include <span>
#include <string>

namespace chronoknock::key {

/// Length in bytes of OpenSSL's digest of that name; 0 if there is none or its length is not fixed.
std::size_t digest_size(const std::string& name);

/// One OpenSSL digest, fetched once, its context reused for each message. MD5, SHA-256, SHA-384 and SHA-512
/// go by the low-level calls: EVP's dispatch costs a third on top of hashing so short a message, and its
/// first use 1.5 ms, in which OpenSSL reads its configuration and sets up its providers; a client that finds
/// the door open uses none of it.
class digest {
public:
    /// name: one that digest_size knows.
    explicit digest(const std::string& name);

    std::size_t size() const { return size_; }
    /// Hashes message into out, size() bytes.
    void operator()(std::span<const std::uint8_t> message, std::uint8_t* out);

private:
    using low_level = void (*)(std::span<const std::uint8_t>, std::uint8_t*);

    std::size_t size_;
    low_level low_level_;
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{nullptr, EVP_MD_CTX_free};
};

} // namespace chronoknock::key

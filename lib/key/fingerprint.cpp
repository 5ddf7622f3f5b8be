#include "key/fingerprint.hpp"

#include <array>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdexcept>

namespace chronoknock::key {

std::string fingerprint(std::span<const std::uint8_t> secret) {
    // The label keeps this hash apart from the sequence of any plain-digest key.
    std::string text = "chronoknock/1 fingerprint\n";
    text.append(secret.begin(), secret.end());
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
    const bool hashed =
        EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha256(), nullptr) == 1;
    OPENSSL_cleanse(text.data(), text.size());
    if (!hashed) throw std::runtime_error("OpenSSL does not give SHA-256");
    std::string digits;
    boost::algorithm::hex_lower(hash.begin(), hash.begin() + 16, std::back_inserter(digits));
    return digits;
}

std::string short_fingerprint(const std::string& fingerprint) {
    return fingerprint.substr(0, 4) + "-" + fingerprint.substr(4, 4) + "-" + fingerprint.substr(8, 4);
}

} // namespace chronoknock::key

#include "key/fingerprint.hpp"

#include "key/digest.hpp"

#include <array>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <openssl/crypto.h>

namespace chronoknock::key {

std::string fingerprint(std::span<const std::uint8_t> secret) {
    // The label keeps this hash apart from the sequence of any plain-digest key.
    std::string text = "chronoknock/1 fingerprint\n";
    text.append(secret.begin(), secret.end());
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
    digest("sha256")({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, hash.data());
    OPENSSL_cleanse(text.data(), text.size());
    std::string digits;
    boost::algorithm::hex_lower(hash.begin(), hash.begin() + 16, std::back_inserter(digits));
    return digits;
}

std::string short_fingerprint(const std::string& fingerprint) {
    return fingerprint.substr(0, 4) + "-" + fingerprint.substr(4, 4) + "-" + fingerprint.substr(8, 4);
}

} // namespace chronoknock::key

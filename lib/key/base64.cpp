#include "key/base64.hpp"

#include <algorithm>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <vector>

namespace chronoknock::key {

std::string to_base64(byte_view bytes) {
    std::vector<unsigned char> text(bytes.size() / 3 * 4 + 5);
    EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
    const auto digits = (bytes.size() * 8 + 5) / 6;
    std::string digits_only(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(digits));
    OPENSSL_cleanse(text.data(), text.size());
    return digits_only;
}

std::optional<secret_bytes> from_base64(std::string_view text) {
    if (text.size() % 4 == 0)
        for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    // OpenSSL's decoder passes over blanks at both ends, and more: it is given digits only.
    if (text.size() % 4 == 1 || !std::ranges::all_of(text, is_base64)) return {};
    secret_bytes padded(text.begin(), text.end());
    padded.resize((text.size() + 3) / 4 * 4, '=');
    secret_bytes bytes(padded.size() / 4 * 3);
    if (EVP_DecodeBlock(bytes.data(), padded.data(), static_cast<int>(padded.size())) < 0) return {};
    bytes.resize(text.size() * 6 / 8);
    auto again = to_base64(bytes);
    const bool same = again == text;
    OPENSSL_cleanse(again.data(), again.size());
    if (!same) return {};
    return bytes;
}

} // namespace chronoknock::key

#include "method/fwknop/key.hpp"

#include "base/text.hpp"
#include "key/base64.hpp"
#include "key/fingerprint.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::fwknop {

namespace {

constexpr std::size_t least_secret = 16; // 128 bits
constexpr std::size_t most_secret = 128; // what fwknop takes

constexpr std::array<std::string_view, 5> digests = {"md5", "sha1", "sha256", "sha384", "sha512"};

result<void> set_secret(key::secret_bytes& to, std::string_view text) {
    auto bytes = key::from_base64(text);
    if (!bytes || bytes->size() < least_secret || bytes->size() > most_secret)
        return error{"expected 16 to 128 bytes in base64"};
    to = std::move(*bytes);
    return {};
}

result<void> set_digest(secrets& s, std::string_view text) {
    if (std::ranges::find(digests, text) == digests.end())
        return error{"expected md5, sha1, sha256, sha384 or sha512, not '" + printable(text) + "'"};
    s.hmac_digest = text;
    return {};
}

result<void> set_port(secrets& s, std::string_view text) {
    const auto port = parse_number(text, 1, 65535);
    if (!port) return port.error();
    s.port = static_cast<std::uint16_t>(*port);
    return {};
}

/// Of both secrets: a packet is burnt for the key that opens it.
std::string fingerprint_of(const secrets& s) {
    key::secret_bytes both = s.cipher;
    both.insert(both.end(), s.hmac.begin(), s.hmac.end());
    return key::fingerprint(both);
}

} // namespace

credential::credential(secrets s) : secrets_(std::move(s)), fingerprint_(fingerprint_of(secrets_)) {
    constexpr std::size_t least = 16; // bytes
    if (secrets_.cipher.size() >= least && secrets_.hmac.size() >= least)
        shown_ = key::short_fingerprint(fingerprint_);
}

void credential::forget_secret() {
    secrets_.cipher = key::secret_bytes();
    secrets_.hmac = key::secret_bytes();
}

result<key::credential_ptr> read_key(std::span<const ini_field> fields) {
    secrets s;
    for (const auto& f : fields) {
        result<void> done;
        if (f.name == "key_base64")
            done = set_secret(s.cipher, f.value);
        else if (f.name == "hmac_key_base64")
            done = set_secret(s.hmac, f.value);
        else if (f.name == "hmac_digest")
            done = set_digest(s, f.value);
        else if (f.name == "port")
            done = set_port(s, f.value);
        else
            done = error{"unknown field; expected method, key_base64, hmac_key_base64, hmac_digest or port"};
        if (!done)
            return error{"line " + std::to_string(f.line) + ": " + printable(f.name) + ": " +
                         done.error().text};
    }
    if (s.cipher.empty()) return error{"key_base64: expected, and missing"};
    if (s.hmac.empty()) return error{"hmac_key_base64: expected, and missing"};
    return key::credential_ptr(std::make_shared<credential>(std::move(s)));
}

} // namespace chronoknock::fwknop

#pragma once

#include "base/error.hpp"
#include "base/ini.hpp"
#include "base/port_set.hpp"
#include "key/secret.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chronoknock::key {

/// A pre-shared key and all that both ends must agree on: the fields of a key file (chronoknock.key(5)).
struct psk {
    std::string digest = "sha256"; ///< OpenSSL's name of the digest
    bool hmac = true;              ///< hmac-DIGEST, or the plain digest of the paper
    bool ignore_ip = false;
    bool ignore_time = false;
    std::uint32_t granularity = 10; ///< g, seconds
    std::uint32_t length = 16;      ///< n, ports in a sequence
    port_set ports{{{1024, 65535}}};
    std::string realm;
    secret_bytes secret;

    /// "hmac-sha256", "md5": the field `function`.
    std::string function() const { return (hmac ? "hmac-" : "") + digest; }
    bool operator==(const psk&) const = default;
};

/// Fields that a method may use.
inline constexpr std::string_view psk_fields[] = {"function", "ignore", "granularity", "length",
                                                  "ports",    "realm",  "secret"};

/// Reads those fields of a key file that are among `used`; any other is refused. Errors name line, field and
/// what was expected, never a value of the secret.
result<psk> parse_psk(std::span<const ini_field> fields, std::span<const std::string_view> used = psk_fields);
/// "line N: field: ", as errors on a field of a key file begin.
std::string place_of(const ini_field& field);
/// The same of a text that is fields and nothing else.
result<psk> parse_psk(std::string_view text);

/// The text of a key file that parse_psk reads back.
std::string to_text(const psk& k);

} // namespace chronoknock::key

#pragma once

#include "base/reader.hpp"
#include "key/hmac.hpp"
#include "key/salted_cipher.hpp"
#include "key/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The form of a packet: base64 of "Salted__" || salt || ciphertext less its first ten characters, which are
/// always the same, then base64 of the HMAC over that text with the ten characters.
namespace chronoknock::fwknop {

/// Characters of base64 for so many bytes.
constexpr std::size_t digits_of(std::size_t bytes) { return (bytes * 8 + 5) / 6; }

/// The longest datagram that is looked at: one that needs no fragments on Ethernet.
inline constexpr std::size_t most_of_packet = 1472;
/// No packet is shorter: the mark, the salt and one block of AES, less the ten characters, and HMAC-MD5.
inline constexpr std::size_t least_of_packet = digits_of(32) - 10 + digits_of(16);

/// The text that is sent. Throws std::runtime_error if OpenSSL fails.
std::string seal(byte_view secret, key::hmac& mac, std::span<const std::uint8_t, key::cipher_salt_size> salt,
                 std::string_view plain);

/// True if a datagram can be a packet with an HMAC of so many characters, as far as its length and first
/// character tell: one random datagram of a thousand.
bool has_form(byte_view payload, std::size_t mac_digits);
/// True if it has characters of base64 only.
bool is_text(byte_view payload);

/// The HMAC that a payload that has_form ends with; none if it is not base64. There is one spelling of it.
std::optional<key::secret_bytes> tag_of(byte_view payload, std::size_t mac_digits);
/// True if that HMAC is the payload's, in a time that does not tell where it differs.
bool is_authentic(byte_view payload, byte_view tag, key::hmac& mac);
/// What an authentic packet says; none if it was not made with this secret.
std::optional<key::secret_bytes> open(byte_view payload, std::size_t mac_digits, byte_view secret);

} // namespace chronoknock::fwknop

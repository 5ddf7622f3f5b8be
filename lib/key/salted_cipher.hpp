#pragma once

#include "base/reader.hpp"
#include "key/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

/// AES-256-CBC with key and IV by EVP_BytesToKey (MD5, one round, 8 bytes of salt), as `openssl enc -md md5`
/// has it and fwknop after it: "Salted__" || salt || ciphertext. It tells nothing of a change: authenticate
/// first.
namespace chronoknock::key {

inline constexpr std::size_t cipher_salt_size = 8;
inline constexpr std::size_t cipher_block_size = 16;
inline constexpr std::string_view salted_mark = "Salted__";

/// Throws std::runtime_error if OpenSSL fails.
std::vector<std::uint8_t> seal_salted(byte_view secret, std::span<const std::uint8_t, cipher_salt_size> salt,
                                      byte_view plain);

/// The plaintext; none if the form or the padding is wrong.
std::optional<secret_bytes> open_salted(byte_view secret, byte_view sealed);

} // namespace chronoknock::key

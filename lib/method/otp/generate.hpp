#pragma once

#include "method/method.hpp"

#include <cstdint>
#include <span>

namespace chronoknock::otp {

/// Makes both files of a key (method::row::generate): fields of either may be given but a verifier; seed and
/// passphrase are made at random, 1,000 passwords.
result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t now);

} // namespace chronoknock::otp

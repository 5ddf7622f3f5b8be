#pragma once

#include "method/method.hpp"

#include <cstdint>
#include <span>

namespace chronoknock::time_sequence {

/// Makes a key (method::row::generate). Besides the fields of its file "bits" may be given: the size of the
/// secret, 128 to 65,536, a multiple of 8 (512).
result<method::key_files> generate(std::span<const ini_field> fields, std::span<const std::uint8_t> random,
                                   std::int64_t now);

} // namespace chronoknock::time_sequence

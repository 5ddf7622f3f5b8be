#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chronoknock::io {

/// So many bytes for a secret, from OpenSSL's private random generator (RAND_priv_bytes(3)).
result<std::vector<std::uint8_t>> random_secret(std::size_t bytes);

} // namespace chronoknock::io

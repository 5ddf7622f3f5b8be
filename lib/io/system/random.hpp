#pragma once

#include "base/error.hpp"
#include "key/secret.hpp"

#include <cstddef>

namespace chronoknock::io {

/// So many bytes for a secret, from OpenSSL's private random generator (RAND_priv_bytes(3)).
result<key::secret_bytes> random_secret(std::size_t bytes);

} // namespace chronoknock::io

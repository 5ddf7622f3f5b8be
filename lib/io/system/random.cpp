#include "io/system/random.hpp"

#include <openssl/rand.h>

namespace chronoknock::io {

result<key::secret_bytes> random_secret(std::size_t bytes) {
    key::secret_bytes secret(bytes);
    if (RAND_priv_bytes(secret.data(), static_cast<int>(bytes)) != 1)
        return error{"OpenSSL's random generator has nothing to give"};
    return secret;
}

} // namespace chronoknock::io

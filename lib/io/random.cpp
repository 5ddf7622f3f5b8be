#include "io/random.hpp"

#include <openssl/rand.h>

namespace chronoknock::io {

result<std::vector<std::uint8_t>> random_secret(std::size_t bytes) {
    std::vector<std::uint8_t> secret(bytes);
    if (RAND_priv_bytes(secret.data(), static_cast<int>(bytes)) != 1)
        return error{"OpenSSL's random generator has nothing to give"};
    return secret;
}

} // namespace chronoknock::io

#include "method/time_sequence/budget.hpp"

#include "grant/windows.hpp"
#include "method/guesses.hpp"
#include "method/time_sequence/credential.hpp"

#include <cmath>

namespace chronoknock::time_sequence {

double live_sequences(const key::psk& k, std::size_t services, nanoseconds max_error) {
    const auto names = k.hmac ? services + 1 : 1;
    const auto windows = k.ignore_time ? 1 : granting::most_windows(k.granularity, max_error);
    return static_cast<double>(names) * static_cast<double>(windows);
}

double security_bits(const config::key_settings& key, const config::server& server) {
    const auto& k = psk_of(key);
    const double pool = k.ports.size();
    const double q = std::ceil(65536 / pool) / 65536;
    const double m = k.length - (k.hmac ? 1 : 0);
    return method::bits_against_guesses(m, q, key.mode, server.knock.memory) -
           std::log2(live_sequences(k, key.services.size(), server.time.max_error));
}

} // namespace chronoknock::time_sequence

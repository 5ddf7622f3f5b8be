#include "method/time_sequence/budget.hpp"

#include "grant/windows.hpp"

#include <algorithm>
#include <cmath>

namespace chronoknock::time_sequence {

double live_sequences(const config::key_settings& key, nanoseconds max_error) {
    const auto names = key.key.hmac ? key.services.size() + 1 : 1;
    const auto windows = key.key.ignore_time ? 1 : granting::most_windows(key.key.granularity, max_error);
    return static_cast<double>(names) * static_cast<double>(windows);
}

double security_bits(const config::key_settings& key, const config::server& server) {
    const double pool = key.key.ports.size();
    const double q = std::ceil(65536 / pool) / 65536;
    const double m = key.key.length - (key.key.hmac ? 1 : 0);
    double log_chance = m * std::log2(q);
    if (server.knock.mode == config::matching::set) {
        // m * (M-1)! / (M-m)!; a memory shorter than the sequence cannot hold it, and the factors end at 1.
        log_chance += std::log2(m);
        for (double i = 1; i < m; ++i) log_chance += std::log2(std::max(1.0, server.knock.memory - i));
    }
    return -log_chance - std::log2(live_sequences(key, server.time.max_error));
}

} // namespace chronoknock::time_sequence

#include "method/time_sequence/hints.hpp"

#include "method/time_sequence/budget.hpp"

#include <algorithm>
#include <bit>

namespace chronoknock::time_sequence {

namespace {

constexpr std::size_t fewest_hints = std::size_t{1} << 15; // 256 KiB: up to a hundred keys
constexpr std::size_t most_hints = std::size_t{1} << 21;   // 16 MiB: from some thousands on
constexpr double hints_of_a_sequence = 40;

} // namespace

std::size_t hints_for(const config::server& server, std::span<const std::uint32_t> keys,
                      const sequence_kind& kind) {
    double live = 0;
    for (const auto k : keys)
        live += live_sequences(kind.psk_of(server.keys[k]), server.keys[k].services.size(),
                               server.time.max_error);
    const auto wanted = std::min<double>(hints_of_a_sequence * live, most_hints);
    return std::bit_ceil(std::max(fewest_hints, static_cast<std::size_t>(wanted)));
}

} // namespace chronoknock::time_sequence

#include "timesync/system_clock.hpp"

#include "timesync/text.hpp"

namespace chronoknock::timesync {

system_trust trust_system_clock(const kernel_clock& k, nanoseconds max_error) {
    const auto bound = k.max_error + std::chrono::abs(k.offset);
    const bool vouches = k.readable && !k.unsynchronised;
    if (vouches && bound <= max_error) return {bound, {}};
    return {operators_word,
            std::string(vouches
                            ? "the kernel vouches for the system clock to " + plain_seconds(bound) + " only"
                        : k.readable ? "the kernel says that nothing synchronises the system clock"
                                     : "the kernel does not tell whether the system clock is right") +
                "; it is trusted to " + plain_seconds(operators_word)};
}

} // namespace chronoknock::timesync

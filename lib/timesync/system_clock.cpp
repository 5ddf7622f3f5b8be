#include "timesync/system_clock.hpp"

#include "timesync/text.hpp"

namespace chronoknock::timesync {

system_trust trust_system_clock(const kernel_clock& k) {
    if (k.readable && !k.unsynchronised) return {k.max_error + std::chrono::abs(k.offset), {}};
    return {operators_word,
            std::string(k.readable ? "the kernel says that nothing synchronises the system clock"
                                   : "the kernel does not tell whether the system clock is right") +
                "; it is trusted to " + plain_seconds(operators_word)};
}

} // namespace chronoknock::timesync

#include "timesync/system_clock.hpp"

#include "timesync/text.hpp"

namespace chronoknock::timesync {

namespace {

bool vouches(const kernel_clock& k) { return k.readable && !k.unsynchronised; }
nanoseconds bound_of(const kernel_clock& k) { return k.max_error + std::chrono::abs(k.offset); }
bool is_trusted(const kernel_clock& k, nanoseconds max_error) {
    return vouches(k) && bound_of(k) <= max_error;
}

} // namespace

nanoseconds trusted_bound(const kernel_clock& k, nanoseconds max_error) {
    return is_trusted(k, max_error) ? bound_of(k) : operators_word;
}

system_trust trust_system_clock(const kernel_clock& k, nanoseconds max_error) {
    const auto bound = bound_of(k);
    if (is_trusted(k, max_error)) return {bound, {}};
    return {operators_word,
            std::string(vouches(k)
                            ? "the kernel vouches for the system clock to " + plain_seconds(bound) + " only"
                        : k.readable ? "the kernel says that nothing synchronises the system clock"
                                     : "the kernel does not tell whether the system clock is right") +
                "; it is trusted to " + plain_seconds(operators_word)};
}

} // namespace chronoknock::timesync

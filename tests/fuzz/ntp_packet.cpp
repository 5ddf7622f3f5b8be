#include "timesync/ntp_packet.hpp"
#include "timesync/sample.hpp"

#include <cstdlib>

using namespace chronoknock;
using namespace chronoknock::timesync;

/// A datagram that claims to be a server's answer: the header, and what is made of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto header = decode({data, size});
    if (header.has_value() != (size >= ntp_header_size)) std::abort();
    if (!header) return 0;
    // What was read is written as it was read.
    const auto again = decode(encode(*header));
    if (!again || *again != *header) std::abort();

    const instant sent{seconds(1000)};
    const exchange x{header->origin, sent, sent + milliseconds(10), true};
    const unix_time pivot{seconds(1'800'000'000)};
    const auto a = check_answer(*header, x, false, pivot);
    if (const auto* s = std::get_if<sample>(&a)) {
        if (s->delay < nanoseconds(0) || s->distance() < nanoseconds(0)) std::abort();
        if (s->stratum == 0 || s->stratum > 15) std::abort();
        // The server's time is that of the era nearest to the pivot.
        const auto away = s->offset + sent.time_since_epoch() - pivot.time_since_epoch();
        if (std::chrono::abs(away) > seconds(1LL << 31) + seconds(1)) std::abort();
        reference_text(s->reference_id, s->stratum);
    }
    return 0;
}

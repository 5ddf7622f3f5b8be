#include "packet/syn.hpp"

#include <cstdlib>

using namespace chronoknock;

/// A frame as the kernel hands it over; its first byte says by what kind of link.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> frame{data + 1, size - 1};
    packet::syn out;
    const auto verdict = packet::decode(static_cast<packet::link>(data[0] % 4), frame, out);
    if (verdict == packet::verdict::syn) {
        if (frame.size() < 20 + 14) std::abort(); // no IP header and TCP flags in that
    } else if (out.source != address{} || out.port != 0 || out.sequence != 0)
        std::abort();
    return 0;
}

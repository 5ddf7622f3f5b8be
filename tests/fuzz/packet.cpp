#include "packet/decode.hpp"

#include <cstdlib>

using namespace chronoknock;

/// A frame as the kernel hands it over; its first byte says by what kind of link.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> frame{data + 1, size - 1};
    packet::event out;
    if (packet::decode(static_cast<packet::link>(data[0] % 5), frame, out) != packet::verdict::event) {
        if (out.source != address{} || out.destination != address{} || out.port != 0 || out.sequence != 0 ||
            out.payload.data() != nullptr)
            std::abort();
    } else if (out.kind == packet::kind::syn) {
        // No IP header and TCP flags in that; and a SYN has no payload here.
        if (frame.size() < 20 + 14 || !out.payload.empty()) std::abort();
    } else {
        if (frame.size() < 20 + 8 + out.payload.size()) std::abort();
        if (!out.payload.empty() &&
            (out.payload.data() < frame.data() || &out.payload.back() > &frame.back()))
            std::abort();
    }
    return 0;
}

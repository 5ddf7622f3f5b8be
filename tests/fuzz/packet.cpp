#include "packet/decode.hpp"

#include <cstdlib>

using namespace chronoknock;

namespace {

/// The usual frame is decoded by tests of its own; it must be what its packet alone is.
void check_by_packet(std::span<const std::uint8_t> frame, std::size_t type_at, std::size_t ip_at,
                     packet::verdict found, const packet::event& e) {
    if (frame.size() < ip_at || frame[type_at] != 8 || frame[type_at + 1] != 0 ||
        (frame.size() > ip_at && frame[ip_at] / 16 == 6))
        return;
    packet::event other;
    if (packet::decode(packet::link::raw_ip, frame.subspan(ip_at), other) != found ||
        other.source != e.source || other.destination != e.destination || other.kind != e.kind ||
        other.source_port != e.source_port || other.port != e.port || other.sequence != e.sequence ||
        other.payload.size() != e.payload.size())
        std::abort();
}

} // namespace

/// A frame as the kernel hands it over; its first byte says by what kind of link.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> frame{data + 1, size - 1};
    packet::event out;
    const auto type = static_cast<packet::link>(data[0] % 5);
    const auto found = packet::decode(type, frame, out);
    if (type == packet::link::ethernet) check_by_packet(frame, 12, 14, found, out);
    if (type == packet::link::cooked_v2) check_by_packet(frame, 0, 20, found, out);
    if (found != packet::verdict::event) {
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

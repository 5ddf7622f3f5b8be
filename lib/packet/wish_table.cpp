#include "packet/wish_table.hpp"

namespace chronoknock::packet {
namespace {

std::bitset<65536> bits_of(const port_set& ports) {
    std::bitset<65536> bits;
    for (const auto& range : ports.ranges())
        for (std::uint32_t port = range.first; port <= range.last; ++port) bits.set(port);
    return bits;
}

} // namespace

wish_table::wish_table(const capture_wish& wish) : syns_(bits_of(wish.syns)), echoes_(wish.echoes) {
    for (const auto& d : wish.datagrams) {
        const auto ranges = d.ports.ranges();
        if (ranges.empty()) continue;
        datagrams_.push_back({d.sizes, ranges.front().first, ranges.back().last, d.content, {}});
        if (ranges.size() > 1)
            datagrams_.back().within = std::make_shared<const std::bitset<65536>>(bits_of(d.ports));
    }
}

} // namespace chronoknock::packet

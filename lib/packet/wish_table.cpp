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

wish_table::sized_ports::sized_ports(const datagram_wish& wish)
    : least_(halves(wish.sizes.least, wish.ports.ranges().front().first)),
      most_(halves(wish.sizes.most, wish.ports.ranges().back().last)), content_(wish.content) {
    if (wish.ports.ranges().size() > 1)
        within_ = std::make_shared<const std::bitset<65536>>(bits_of(wish.ports));
}

wish_table::wish_table(const capture_wish& wish) : syns_(wish.syns), echoes_(wish.echoes) {
    for (const auto& d : wish.datagrams)
        if (d.ports.size() != 0) datagrams_.emplace_back(d);
}

} // namespace chronoknock::packet

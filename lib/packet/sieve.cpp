#include "packet/sieve.hpp"

namespace chronoknock::packet {
namespace {

std::bitset<65536> bits_of(const port_set& ports) {
    std::bitset<65536> bits;
    for (const auto& range : ports.ranges())
        for (std::uint32_t port = range.first; port <= range.last; ++port) bits.set(port);
    return bits;
}

} // namespace

sieve::sieve(const capture_wish& wish)
    : syns_(bits_of(wish.syns)), datagrams_(bits_of(wish.datagrams)), echoes_(wish.echoes) {}

} // namespace chronoknock::packet

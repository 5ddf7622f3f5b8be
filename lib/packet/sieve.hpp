#pragma once

#include "base/prefix_set.hpp"
#include "packet/capture_wish.hpp"
#include "packet/event.hpp"

#include <bitset>
#include <utility>

namespace chronoknock::packet {

/// Says of each captured event whether it counts: the kernel's filter passes more than is wished, and a
/// router sees what is none of its business (chronoknock-protocol(7), MATCHING). Its cost does not depend on
/// the number of ranges.
class sieve {
public:
    enum class verdict {
        wanted,
        outside,   ///< its port is none of the wished ones
        elsewhere, ///< it is addressed to another host
    };

    explicit sieve(const capture_wish& wish);

    /// What events must be addressed to from now on; at first nothing is.
    void set_destinations(prefix_set destinations) { destinations_ = std::move(destinations); }

    verdict judge(const event& e) const {
        if (!wishes(e)) return verdict::outside;
        return destinations_.contains(e.destination) ? verdict::wanted : verdict::elsewhere;
    }

private:
    bool wishes(const event& e) const {
        return e.kind == kind::syn ? syns_[e.port] : e.kind == kind::datagram ? datagrams_[e.port] : echoes_;
    }

    std::bitset<65536> syns_;
    std::bitset<65536> datagrams_;
    bool echoes_;
    prefix_set destinations_;
};

} // namespace chronoknock::packet

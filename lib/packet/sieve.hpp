#pragma once

#include "base/prefix_set.hpp"
#include "packet/capture_wish.hpp"
#include "packet/event.hpp"
#include "packet/wish_table.hpp"

#include <utility>

namespace chronoknock::packet {

/// Says of each captured event whether it counts: the kernel's filter passes more than is wished, and a
/// router sees what is none of its business (chronoknock-protocol(7), MATCHING).
class sieve {
public:
    enum class verdict {
        wanted,
        outside,   ///< it is not wished for: its port or its size
        elsewhere, ///< it is addressed to another host
    };

    explicit sieve(const capture_wish& wish) : wish_(wish) {}

    /// What events must be addressed to from now on; at first nothing is.
    void set_destinations(prefix_set destinations) { destinations_ = std::move(destinations); }

    verdict judge(const event& e) const {
        if (!wish_.contains(e)) return verdict::outside;
        return destinations_.contains(e.destination) ? verdict::wanted : verdict::elsewhere;
    }

private:
    wish_table wish_;
    prefix_set destinations_;
};

} // namespace chronoknock::packet

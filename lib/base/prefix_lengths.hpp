#pragma once

#include "base/address.hpp"

#include <array>
#include <bitset>

namespace chronoknock {

/// The lengths of some prefixes, so that those which an address is in are found in a map of them.
class prefix_lengths {
public:
    void add(const prefix& p) { known_[p.network.is_v4()].set(p.length); }

    /// True if `found` is true of the network of some of these lengths around the address.
    template <class Predicate>
    bool any_of(const address& a, Predicate found) const {
        const auto& lengths = known_[a.is_v4()];
        if (lengths.none()) return false;
        for (auto length = 8 * a.bytes().size() + 1; length-- > 0;)
            if (lengths.test(length) && found(prefix(a, static_cast<unsigned>(length)))) return true;
        return false;
    }

private:
    std::array<std::bitset<129>, 2> known_; ///< of IPv6 and of IPv4
};

} // namespace chronoknock

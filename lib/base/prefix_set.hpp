#pragma once

#include "base/address.hpp"

#include <array>
#include <span>
#include <vector>

namespace chronoknock {

/// The addresses within any of some networks. Asked for each packet: a binary search, some nanoseconds for
/// the few that a host has.
class prefix_set {
public:
    prefix_set() = default;
    explicit prefix_set(std::span<const prefix> networks);

    bool contains(const address& a) const;

private:
    __extension__ using number = unsigned __int128;
    /// Addresses first..last, both included.
    struct range {
        number first;
        number last;
    };
    static number to_number(const address& a);

    std::array<std::vector<range>, 2> ranges_; ///< of IPv6 and of IPv4; sorted, and apart from each other
};

} // namespace chronoknock

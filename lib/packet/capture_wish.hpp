#pragma once

#include "base/port_set.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace chronoknock::packet {

/// How many bytes a payload may have: least to most, both included. Without bounds its content does not
/// matter either.
struct size_range {
    static constexpr std::uint16_t no_bound = 65535;

    std::uint16_t least = 0;
    std::uint16_t most = no_bound;

    constexpr bool contains(std::size_t size) const { return least <= size && size <= most; }
    constexpr bool is_any() const { return least == 0 && most == no_bound; }
    auto operator<=>(const size_range&) const = default;
};

/// What the content of a payload must be like, as far as its first bytes tell at the cost of one look.
enum class content : std::uint8_t {
    any,
    ascii, ///< the first eight bytes are, if it has so many: one random payload of 256
};

/// UDP datagrams to these ports, with payloads of these sizes and this content.
struct datagram_wish {
    port_set ports{};
    size_range sizes{};
    packet::content content = packet::content::any;
    bool operator==(const datagram_wish&) const = default;
};

/// What is to be captured: the kernel's filter and the snapshot length follow from it.
struct capture_wish {
    port_set syns{};                        ///< TCP SYNs to these ports
    std::vector<datagram_wish> datagrams{}; ///< any of these
    std::optional<size_range> echoes{};     ///< ICMP and ICMPv6 echo requests with so much data
    bool operator==(const capture_wish&) const = default;

    /// False if a firewall's log tells all of it: addresses and ports.
    bool needs_packets() const;
    /// The largest payload whose content matters, in bytes; 0: none does.
    std::uint16_t most_of_payload() const;
};

/// Adds up wishes. What it gives is the same in whatever order they come.
class wish_sum {
public:
    void add(const capture_wish& wish);
    capture_wish sum() const;

private:
    std::vector<port_range> syns_;
    std::map<std::pair<size_range, content>, std::vector<port_range>> datagrams_;
    std::optional<size_range> echoes_;
};

} // namespace chronoknock::packet

#pragma once

#include "base/error.hpp"

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chronoknock {

/// An IPv4 or IPv6 address as a value. An IPv4-mapped IPv6 address is the IPv4 address
/// (chronoknock-protocol(7), DERIVATION).
class address {
public:
    /// 0.0.0.0
    constexpr address() = default;
    /// From 4 bytes, network order.
    static address v4(std::span<const std::uint8_t, 4> bytes);
    /// From 16 bytes, network order; IPv4-mapped ones become IPv4.
    static address v6(std::span<const std::uint8_t, 16> bytes);
    /// From text ("192.0.2.1", "2001:db8::1"); no names, no scope.
    static result<address> parse(std::string_view text);

    bool is_v4() const { return v4_; }
    /// 4 or 6, as the derivation wants it.
    std::uint8_t family() const { return v4_ ? 4 : 6; }
    /// 4 or 16 bytes, network order.
    std::span<const std::uint8_t> bytes() const { return {bytes_.data(), v4_ ? 4u : 16u}; }
    /// Of a host's own network: private (RFC 1918, RFC 4193), link-local, loopback.
    bool is_local() const;
    /// Good on one link alone (RFC 3927, RFC 4291), or within this host.
    bool is_link_local() const;
    std::string to_string() const;

    auto operator<=>(const address&) const = default;
    /// In two words: the compiler would call memcmp, for each packet several times.
    bool operator==(const address& o) const {
        using halves = std::array<std::uint64_t, 2>;
        const auto mine = std::bit_cast<halves>(bytes_), other = std::bit_cast<halves>(o.bytes_);
        return ((mine[0] ^ other[0]) | (mine[1] ^ other[1])) == 0 && v4_ == o.v4_;
    }

private:
    std::array<std::uint8_t, 16> bytes_{};
    bool v4_ = true;
};

/// A network in CIDR notation; or one address, which is a network of its own.
struct prefix {
    address network;
    std::uint8_t length = 0;

    prefix() = default;
    prefix(const address& one);
    /// The network of that length around an address; a greater length than its family has is the whole one.
    prefix(const address& any, unsigned length);
    /// From "192.0.2.0/24", "2001:db8::/32" or a bare address. Bits beyond the length must be zero.
    static result<prefix> parse(std::string_view text);
    bool is_single() const { return length == 8 * network.bytes().size(); }
    bool contains(const address& a) const;
    /// True if one contains the other.
    bool overlaps(const prefix& other) const;
    /// "192.0.2.0/24"; of one address "192.0.2.1".
    std::string to_string() const;
    auto operator<=>(const prefix&) const = default;
};

} // namespace chronoknock

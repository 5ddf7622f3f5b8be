#pragma once

#include "firewall/rules.hpp"
#include "io/firewall/netlink.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace chronoknock::io {

/// The flow in a key of a set of flows: address . port . port, or with the host's own address before the
/// last; each field filled up to four bytes.
inline std::optional<firewall::flow> flow_of(const firewall::flow_set& set,
                                             std::span<const std::uint8_t> key) {
    const std::size_t width = set.family == 4 ? 4 : 16;
    const std::size_t own_port = width + 4 + (set.lasting ? 0 : width);
    if (key.size() < own_port + 4) return {};
    const auto port = [&](std::size_t at) { return static_cast<std::uint16_t>(key[at] << 8 | key[at + 1]); };
    return firewall::flow{set.protocol, *address_of(key.first(width)), port(width), port(own_port)};
}

} // namespace chronoknock::io

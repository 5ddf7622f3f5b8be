#pragma once

#include "base/error.hpp"
#include "config/host_port.hpp"

#include <cstddef>

namespace chronoknock::config {

/// HOST[:PORT] of a server that tells a client its public address (RFC 8489).
struct stun_server {
    host_port where;

    static result<stun_server> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(const stun_server&) const = default;
};

/// All that are given must agree: more than a few only add what can fail.
inline constexpr std::size_t most_stun_servers = 4;

} // namespace chronoknock::config

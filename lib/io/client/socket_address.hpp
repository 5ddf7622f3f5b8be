#pragma once

#include "base/address.hpp"

#include <cstdint>
#include <optional>
#include <sys/socket.h>

namespace chronoknock::io {

/// An address to send to, with the interface that a link-local one needs.
struct destination {
    address ip;
    std::uint32_t scope = 0;
};

/// Address and port as the system's calls take them.
struct socket_address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

socket_address to_socket_address(const address& a, std::uint16_t port, std::uint32_t scope);
/// None, if it is of neither family.
std::optional<destination> to_destination(const sockaddr* s);

} // namespace chronoknock::io

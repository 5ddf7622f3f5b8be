#include "io/client/socket_address.hpp"

#include <array>
#include <cstring>
#include <netinet/in.h>

namespace chronoknock::io {

socket_address to_socket_address(const address& a, std::uint16_t port, std::uint32_t scope) {
    socket_address s;
    if (a.is_v4()) {
        auto& in = reinterpret_cast<sockaddr_in&>(s.storage);
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, a.bytes().data(), 4);
        s.size = sizeof in;
    } else {
        auto& in = reinterpret_cast<sockaddr_in6&>(s.storage);
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(port);
        in.sin6_scope_id = scope;
        std::memcpy(&in.sin6_addr, a.bytes().data(), 16);
        s.size = sizeof in;
    }
    return s;
}

std::optional<destination> to_destination(const sockaddr* s) {
    if (s->sa_family == AF_INET) {
        std::array<std::uint8_t, 4> bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(s)->sin_addr, bytes.size());
        return destination{address::v4(bytes)};
    }
    if (s->sa_family == AF_INET6) {
        const auto* in = reinterpret_cast<const sockaddr_in6*>(s);
        std::array<std::uint8_t, 16> bytes;
        std::memcpy(bytes.data(), &in->sin6_addr, bytes.size());
        return destination{address::v6(bytes), in->sin6_scope_id};
    }
    return std::nullopt;
}

} // namespace chronoknock::io

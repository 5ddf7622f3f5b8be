#pragma once

#include "base/service.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::client {

/// One packet of a knock: a TCP SYN, or a UDP datagram.
struct shot {
    transport protocol = transport::tcp;
    std::uint16_t port = 0;
    std::vector<std::uint8_t> payload = {}; ///< of a datagram
    bool operator==(const shot&) const = default;
};

/// What a knock is made of, on one line: ports, "udp/7000" for a datagram, its payload in hexadecimal after
/// a colon.
std::string to_text(const std::vector<shot>& shots);

} // namespace chronoknock::client

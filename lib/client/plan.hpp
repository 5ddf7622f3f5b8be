#pragma once

#include "packet/event.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::client {

/// One packet of a knock.
struct shot {
    packet::kind kind = packet::kind::syn;
    std::uint16_t port = 0;                 ///< of an echo request 0
    std::vector<std::uint8_t> payload = {}; ///< of a datagram or an echo request
    bool operator==(const shot&) const = default;
};

/// One round of a knock.
struct plan {
    std::vector<shot> shots;
    std::string text = {}; ///< what `sequence` prints of it; empty: as to_text has it
    bool operator==(const plan&) const = default;
};

/// What a knock is made of, on one line: ports, "udp/7000" for a datagram, its payload in hexadecimal after
/// a colon.
std::string to_text(const std::vector<shot>& shots);

} // namespace chronoknock::client

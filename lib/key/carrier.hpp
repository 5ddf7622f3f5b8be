#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::key {

/// How the message of a knock travels (chronoknock-protocol(7), METHODS).
enum class carrier {
    ports, ///< its bits as SYNs
    udp,   ///< a datagram
    icmp,  ///< the data of an echo request
    dns,   ///< the name of a question
};

std::string_view to_string(carrier c);
/// One of `known`, by its name.
result<carrier> parse_carrier(std::string_view text, std::span<const carrier> known);
/// The field `carrier`: some of `known`, each once, between commas.
result<std::vector<carrier>> parse_carriers(std::string_view text, std::span<const carrier> known);

/// The field `zone`: a name of the DNS, given back in lower case. Labels of letters, digits, - and _; `room`:
/// characters that a knock puts before it, the dot between them included.
result<std::string> parse_zone(std::string_view text, std::size_t room);

} // namespace chronoknock::key

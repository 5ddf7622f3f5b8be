#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::config {

/// Where a server of some protocol is.
struct host_port {
    std::string host; ///< a name or an address
    std::uint16_t port = 0;
    bool operator==(const host_port&) const = default;
};

/// HOST[:PORT]; an IPv6 address with a port stands in brackets, one without may. usual: the port if none is
/// given. Nothing for any other text, and for the host `none`, which is a word of the command line.
std::optional<host_port> parse_host_port(std::string_view text, std::uint16_t usual);

/// The shortest form that parse_host_port reads back.
std::string to_string(const host_port& where, std::uint16_t usual);

} // namespace chronoknock::config

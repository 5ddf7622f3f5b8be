#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::client {

/// What a person writes for a machine: HOST, USER@HOST, HOST:PORT, an IPv6 address, [ADDRESS], [ADDRESS]:PORT. The
/// host may be a profile's name as well.
struct target {
    std::string user; ///< empty: none was named
    std::string host;
    std::string port; ///< a number or a service's name, as it was written; empty: none was named

    bool operator==(const target&) const = default;
};

/// Reads any of these forms. The error says what was expected.
result<target> parse_target(std::string_view text);

/// Reads a target where no port is taken. A user's name is passed over: a knock has none. The error of one with a port
/// names the option that the port goes to: "expected HOST; did you mean --wait 22 HOST?".
result<std::string> parse_host_target(std::string_view text);

/// Gives the TCP port of a service's name (services(5)), or nothing.
using port_lookup = std::function<std::optional<std::uint16_t>(const std::string& name)>;

/// Reads a port, 1 to 65535, or the name of a service that has one: "22", "ssh".
result<std::uint16_t> parse_port(std::string_view text, const port_lookup& lookup);

} // namespace chronoknock::client

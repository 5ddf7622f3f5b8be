#pragma once

#include "base/port_set.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace chronoknock {

enum class transport { tcp, udp };

/// A transport protocol and a range of its ports.
struct endpoint_range {
    transport protocol = transport::tcp;
    port_range ports;

    /// "tcp/22", "udp/60000-61000".
    static result<endpoint_range> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(const endpoint_range&) const = default;
};

/// Single ports between commas, as a knock asks for them: "tcp/22,udp/53"; 1 to 40, each once.
result<std::vector<endpoint_range>> parse_asked_ports(std::string_view text);

/// What a knock opens ([service.NAME] of the configuration).
struct service {
    std::string name; ///< 1 to 32 of a-z A-Z 0-9 _ -, a letter first
    std::vector<endpoint_range> ports;
    nanoseconds open_for = std::chrono::seconds(30); ///< how long a grant lasts
    std::uint32_t uses = 0;                          ///< new connections a grant is good for; 0: any number
    nanoseconds max_open_for{0};                     ///< what a knock that names a duration may ask for
    std::string set4 = {}; ///< the operator's sets that grants go into, of IPv4 and IPv6 addresses, where
    std::string set6 = {}; ///< the backend has such (nft-set, ipset); empty: none
    /// A grant lives on while a connection of its address does, and ends with the last one; open_for is how
    /// long there is to come in.
    bool until_idle = false;
    /// Lengths of the networks that some key opens it to, besides single addresses: of IPv4, of IPv6.
    std::set<std::uint8_t> prefixes4 = {};
    std::set<std::uint8_t> prefixes6 = {};

    const std::set<std::uint8_t>& prefixes(int family) const { return family == 4 ? prefixes4 : prefixes6; }

    /// True if the name may stand for a service: it becomes part of names in the firewall and of log lines.
    static bool valid_name(std::string_view name);
    bool operator==(const service&) const = default;
};

} // namespace chronoknock

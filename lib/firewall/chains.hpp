#pragma once

#include "firewall/rules.hpp"

#include <span>
#include <string>

namespace chronoknock::firewall {

/// UDP flows that somebody has cut, of one family: what the host still sends to such a peer admits him no
/// more, until a grant does. The timeout begins anew with whatever is sent.
struct cut_set {
    const char* name;
    int family;
    static constexpr const char* timeout = "1d";
};
inline constexpr cut_set cut_sets[] = {{"cut4", 4}, {"cut6", 6}};

/// The chains of the table that holds to the rules, for the inside of `table inet chronoknock { ... }`.
std::string chains_text(const rules& r);

/// The ports of one protocol among these.
port_set ports_of(std::span<const endpoint_range> endpoints, transport protocol);

/// The ports of one protocol that some service has.
port_set guarded_ports(const rules& r, transport protocol);

} // namespace chronoknock::firewall

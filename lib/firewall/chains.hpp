#pragma once

#include "firewall/rules.hpp"

#include <span>
#include <string>

namespace chronoknock::firewall {

/// The chains of the table that holds to the rules, for the inside of `table inet chronoknock { ... }`.
std::string chains_text(const rules& r);

/// The ports of one protocol among these.
port_set ports_of(std::span<const endpoint_range> endpoints, transport protocol);

/// The ports of one protocol that some service has.
port_set guarded_ports(const rules& r, transport protocol);

} // namespace chronoknock::firewall

#pragma once

#include "firewall/rules.hpp"

#include <string>

namespace chronoknock::firewall {

/// Names of the chains: those there always are, and those there are where addresses are translated.
inline constexpr std::string_view chains[] = {"prerouting", "input",  "output", "guard",   "open",
                                              "datagram",   "refuse", "sent",   "headless"};
inline constexpr std::string_view chains_of_translated[] = {"forward", "dnat_guard", "dnat_open",
                                                            "dnat_datagram", "dnat_sent"};

/// The chains of the table that holds to the rules, for the inside of `table inet chronoknock { ... }`.
std::string chains_text(const rules& r);

/// "{ a, b }"
std::string join(const std::vector<std::string>& parts);

/// The ports of one protocol that some service has.
port_set guarded_ports(const rules& r, transport protocol);

} // namespace chronoknock::firewall

#pragma once

#include <string>

/// Rules that answer a stranger as a port does that nobody listens on (`unauthorized = reset`).
///
/// The packet ends in the guard in any case: nothing is handed to the host's own stack in the hope that no
/// socket takes it. What `reject` makes differs from the kernel's own answer, and where the kernel would keep
/// silent `reject` does not; these rules close what of that nft can express (tests/e2e/test_reset.py).
namespace chronoknock::firewall {

/// The definitions of the maps, for the inside of the table.
std::string reset_maps();

/// The chain `refuse`, where a stranger's packet ends, and those it needs. `tcp_ports`: the guarded ones, as
/// nft reads them ("{ 22, 80-90 }"), or empty. before: rules that come first in `refuse`.
std::string reset_chains(const std::string& tcp_ports, const std::string& before = "");

} // namespace chronoknock::firewall

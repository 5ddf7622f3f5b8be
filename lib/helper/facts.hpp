#pragma once

#include <string>
#include <vector>

namespace chronoknock::helper {

/// Whether a program may have these variables, NAME=VALUE: those that [events] and [firewall] open and close
/// have (chronoknock.ini(5)), each at most once, of such characters as theirs consist of. A script that is
/// careless with them meets nothing that a shell would take for more than text.
bool are_facts(const std::vector<std::string>& variables);

} // namespace chronoknock::helper

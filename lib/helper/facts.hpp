#pragma once

#include <string>
#include <vector>

namespace chronoknock::helper {

/// Whether a program may have these variables, NAME=VALUE: those that [events] and [firewall] open and close
/// have (chronoknock.ini(5)), each at most once, of such characters as theirs consist of: in none is anything
/// that a shell expands within double quotation marks; and in none but the sentence REASON, anything that it
/// takes for more than a word.
bool are_facts(const std::vector<std::string>& variables);

} // namespace chronoknock::helper

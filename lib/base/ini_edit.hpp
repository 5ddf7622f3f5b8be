#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Changes of a text that parse_ini() reads, which leave all else in it as it is: comments, blank lines, order.
namespace chronoknock {

/// Fields to write, "name" and "value"; neither holds a line break or a '#'.
using ini_values = std::vector<std::pair<std::string, std::string>>;

/// With the values in a section: in place of the field's own value where it stands already (the comment behind
/// it stays), else behind the section's last field. A section that is missing is added at the end.
std::string with_fields(std::string_view text, std::string_view section, const ini_values& values);

/// Without a section: from its header to its last field. Comments behind that stay: they belong to what follows.
std::string without_section(std::string_view text, std::string_view section);

} // namespace chronoknock

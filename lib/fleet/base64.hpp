#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Bytes as etcd's JSON has them (RFC 4648, section 4, with '=' at the end).
namespace chronoknock::fleet {

std::string to_base64(std::string_view bytes);
/// None if the text is anything else.
std::optional<std::string> from_base64(std::string_view text);

} // namespace chronoknock::fleet

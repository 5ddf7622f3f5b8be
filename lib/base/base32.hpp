#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock {

/// base32hex without padding (RFC 4648, section 7), in lower case.
std::string to_base32hex(std::span<const std::uint8_t> bytes);

/// The bytes of such a text, in any case; nothing if it has another character, a length that no bytes have,
/// or bits beyond the last byte that are not zero.
std::optional<std::vector<std::uint8_t>> from_base32hex(std::string_view text);

} // namespace chronoknock

#pragma once

#include "base/reader.hpp"
#include "key/secret.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::key {

/// A digit of base64 (RFC 4648, section 4).
constexpr bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/// Bytes as base64 without '=' at the end.
std::string to_base64(byte_view bytes);

/// The bytes of base64 with or without '='; none if the text is anything else, which includes one whose spare
/// bits are not zero: no two texts give the same bytes.
std::optional<secret_bytes> from_base64(std::string_view text);

} // namespace chronoknock::key

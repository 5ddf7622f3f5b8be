#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace chronoknock::config {

/// Whether a name may stand for a key: 1 to 64 of a-z A-Z 0-9 . _ - @. It goes into the log and the store, never
/// into the firewall: a little wider than a service's.
bool valid_key_name(std::string_view name);

/// Whether a name may be made into one of a person's or a profile's files: a key's name that begins with a letter or
/// a digit.
bool valid_file_name(std::string_view name);

/// Reads the name or address of a host, as clients take it. The error says what was expected.
result<std::string> parse_host(std::string_view text);

/// Whose key it is, and which one: "alice" is the first of alice, "alice.2" the second, made by a renewal.
struct key_name {
    std::string person;
    std::uint32_t number = 1;

    static key_name parse(std::string_view name);
    std::string to_string() const;
    bool operator==(const key_name&) const = default;
};

} // namespace chronoknock::config

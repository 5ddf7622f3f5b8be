#pragma once

#include "config/fields.hpp"
#include "config/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::config {

/// A section [key.NAME] before its key file is read and its services are looked up.
struct key_section {
    std::string file;
    std::vector<std::string> services; ///< names
    std::optional<matching> mode;
    nanoseconds knock_delay{0};
    bool for_others = false;
    bool allow_weak = false;
    std::optional<unix_time> until;
    std::string host;
    std::uint32_t max_grants = 0;
    bool pair = false;
    std::uint8_t prefix4 = 32;
    std::uint8_t prefix6 = 128;
    bool fleet = false;
};

/// The table of its fields, for a configuration in one folder ("" or ending in /).
fields<key_section> key_fields(const std::string& folder);

/// Gives a key what its section says of grants. Its file has been read, and its services are known; the error
/// says which field of the section it is about (`name`) and what was expected.
struct unfit_field {
    std::string name;
    std::string expected;
};
std::optional<unfit_field> set_grants(key_settings& k, const key_section& section);

} // namespace chronoknock::config

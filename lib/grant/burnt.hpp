#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace chronoknock::granting {

/// A token that was accepted, as the store keeps it: burnt is (key, place, identity).
struct burnt {
    std::string key; ///< fingerprint
    std::int64_t place = 0;
    std::string identity;
    std::optional<address> who; ///< whom it opened for; none: it was not written down (records of version 0)
    unix_time accepted;         ///< what the clock said then
    bool operator==(const burnt&) const = default;
};

} // namespace chronoknock::granting

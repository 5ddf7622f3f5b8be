#pragma once

#include "base/service.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::granting {

/// What the configuration says that claims are judged by; their indices count in it.
struct terms {
    struct key {
        std::string name;
        nanoseconds knock_delay{0};
        std::string fingerprint = {};             ///< of another secret it is another key
        std::vector<std::uint32_t> services = {}; ///< what it may open, as indices
        std::optional<unix_time> until = {};      ///< from then on its claims earn nothing
        std::uint32_t max_grants = 0; ///< it may have so many at once, on their way or open; 0: any number
        /// Its grants are to the networks of these lengths around the address.
        std::uint8_t prefix4 = 32;
        std::uint8_t prefix6 = 128;
        bool bound = true;   ///< no knock of it opens for another when a copy comes from elsewhere
        bool shared = false; ///< it is the fleet's
    };
    struct service {
        std::string name;
        nanoseconds open_for;
        nanoseconds most_open_for; ///< what a claim may ask for
        std::vector<endpoint_range> ports = {};
        std::uint32_t uses = 0;
        bool until_idle = false; ///< a grant lives until its last connection has ended
    };
    std::vector<key> keys;
    std::vector<service> services;
    std::vector<std::uint32_t> by_name = {}; ///< the keys in the order of their names, once they are indexed

    /// Puts the keys in order, unless that is done: with thousands of them beside the loop.
    void index();
    /// The key of a name, of terms that are indexed; null: there is none. at: where it may well be.
    const key* find(std::string_view name, std::size_t at = 0) const;
};

} // namespace chronoknock::granting

#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "grant/burnt.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What the hosts of a fleet tell each other (chronoknock-protocol(7), FLEET).
namespace chronoknock::granting {

/// A knock of a key of the fleet opened a service, on every host that has that service and the key.
struct shared_grant {
    std::string key;      ///< fingerprint
    std::string key_name; ///< on the host that took the knock
    prefix who;
    std::string service; ///< its name
    /// Of the token that was burnt for it.
    std::int64_t place = 0;
    std::string identity;
    unix_time accepted;
    unix_time until;  ///< by the clock
    std::string host; ///< which took the knock
    bool operator==(const shared_grant&) const = default;
};

/// What became known of a fleet at once.
struct shared_changes {
    std::vector<shared_grant> opened = {};
    std::vector<shared_grant> closed = {}; ///< before their time
    std::vector<burnt> tokens = {};        ///< burnt, by whichever host
    bool whole = false; ///< it is all that lives: what else was opened by the fleet has ended
};

/// What the redeeming of a claim takes besides, when its key is the fleet's.
struct shared_claim {
    std::int64_t slack = 0; ///< token::slack
    std::string key_name;
    nanoseconds longest{0}; ///< that it opens something for
    /// What it closes: an address, and the name of a service.
    std::vector<std::pair<prefix, std::string>> closes = {};
    bool operator==(const shared_claim&) const = default;
};

/// What a fleet says to a claim.
struct shared_outcome {
    enum class kind {
        burnt,    ///< by this host, just now
        repeated, ///< another host took a copy of it a moment ago
        refused,  ///< a replay, or older than the newest one of its key allows
        failed    ///< nobody knows
    };
    kind is = kind::failed;
    std::string why = {};
};

} // namespace chronoknock::granting

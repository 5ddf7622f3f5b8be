#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::granting {

/// What became of a knock or a grant, kept for those who ask later. No secret, no port of a knock.
struct history_entry {
    enum class kind { granted, refused, failed, revoked, expired };

    unix_time when;
    kind what;
    std::string key;           ///< its name; empty: of several keys, or of none
    std::optional<prefix> who; ///< an address or a network; none: of several
    std::string services;      ///< names, comma-separated
    std::string why;           ///< why it was refused, what failed, or for how long each service was granted
    bool operator==(const history_entry&) const = default;
};

/// Which entries somebody asks for.
struct history_query {
    unix_time since = unix_time::min();
    std::int64_t after = 0; ///< only those that were noted after this one
    std::string key{};      ///< its name; empty: of all
    std::size_t most = 100; ///< the newest of them
};

/// An entry and its number; later ones have greater numbers.
struct numbered_entry {
    std::int64_t number;
    history_entry entry;
};

constexpr std::string_view to_string(history_entry::kind k) {
    switch (k) {
    case history_entry::kind::granted:
        return "granted";
    case history_entry::kind::refused:
        return "refused";
    case history_entry::kind::failed:
        return "failed";
    case history_entry::kind::revoked:
        return "revoked";
    case history_entry::kind::expired:
        return "expired";
    }
    return "";
}

/// Most entries that are kept; the oldest go first. The refused ones, which strangers cause, are the smaller
/// part: they push out nothing but each other.
inline constexpr std::size_t most_history = 10'000;
inline constexpr std::size_t most_history_refused = 1'000;

} // namespace chronoknock::granting

#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <string>

namespace chronoknock::granting {

/// What a key opened to an address last, as the store keeps it. It is written with the token that is burnt
/// for it, so that whose a grant is, and whose connections came by it, is known whatever happens after. One
/// that the firewall then failed to open stands there, too.
struct opened_grant {
    std::string key;         ///< its name
    std::string fingerprint; ///< of its secret; empty: not known (records of version 1)
    prefix who;
    std::string service; ///< its name
    unix_time at;        ///< when it was accepted
    unix_time until;     ///< min(): it has ended; max(): when its last connection has
    bool operator==(const opened_grant&) const = default;
};

/// Of each key so many addresses are remembered, those that it opened for last; and up to `most_opened_for`
/// as long as they have a grant. Grants of other keys push out none of them.
inline constexpr std::size_t least_opened_for = 64;
inline constexpr std::size_t most_opened_for = 4096;

} // namespace chronoknock::granting

#pragma once

#include "base/address.hpp"
#include "base/time.hpp"

#include <optional>
#include <string>

namespace chronoknock::firewall {

/// What is asked of a backend: that one source address, or network, may reach one service for a while from
/// now on, or no longer. Connections go on either way.
struct change {
    prefix who;
    std::string service;                 ///< name of a configured service
    std::optional<nanoseconds> open_for; ///< none: close
    std::string key = {}; ///< whose knock opens it (its name); empty: it closes, or is not known
    bool operator==(const change&) const = default;
};

/// What one source address, or network, may reach, and for how long yet.
struct live_grant {
    prefix who;
    std::string service;
    nanoseconds left;
    bool operator==(const live_grant&) const = default;
};

/// What an earlier process may have left open, by the record: a backend that cannot see it for itself is
/// told.
struct earlier_grant {
    prefix who;
    std::string service;
    nanoseconds left; ///< below zero: it should have ended
    std::string key;
    bool operator==(const earlier_grant&) const = default;
};

} // namespace chronoknock::firewall

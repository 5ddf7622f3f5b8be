#pragma once

#include "base/address.hpp"
#include "base/time.hpp"
#include "grant/burnt.hpp"
#include "grant/history.hpp"
#include "grant/opened.hpp"
#include "grant/shared.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What the pure rules want done: a shell carries it out, in order.
namespace chronoknock::granting {

/// Burn these, all or none of them, with the record of what they are to open, and tell pipeline::redeemed().
/// One that is shared is a claim of a key of the fleet: pipeline::shared_redeemed() is told.
struct redeem {
    std::uint64_t batch;
    std::vector<burnt> tokens;
    std::vector<opened_grant> grants = {};
    std::optional<shared_claim> shared = {};
    bool operator==(const redeem&) const = default;
};

/// These need not be remembered any more.
struct forget {
    std::vector<burnt> tokens;
    bool operator==(const forget&) const = default;
};

/// One address, or network, may reach one service for a while.
struct opening {
    prefix who;
    std::string service; ///< its name
    nanoseconds open_for;
    bool operator==(const opening&) const = default;
};

/// Open these, and tell pipeline::carried_out().
struct open_services {
    std::uint64_t knock;
    std::vector<opening> what;
    bool operator==(const open_services&) const = default;
};

/// End what is open of these, or let it end when the grant of another key does, and tell
/// pipeline::carried_out().
struct close_services {
    struct closing {
        prefix who;
        std::string service;             ///< its name
        std::optional<nanoseconds> left; ///< none: at once
        bool operator==(const closing&) const = default;
    };
    std::uint64_t knock;
    std::vector<closing> what;
    bool operator==(const close_services&) const = default;
};

/// Have the replay guard refuse what began before this. Provisional: the store does not have it.
struct guard_from {
    unix_time floor;
    bool provisional = false;
    bool operator==(const guard_from&) const = default;
};

/// Write the floor down, and tell gate::written().
struct write_floor {
    unix_time floor;
    bool operator==(const write_floor&) const = default;
};

/// Keep this in the history.
struct note {
    history_entry entry;
    bool operator==(const note&) const = default;
};

enum class severity { info, warning, error };

/// Write a line to the log.
struct tell {
    severity level;
    std::string line;
    bool operator==(const tell&) const = default;
};

using action =
    std::variant<redeem, forget, open_services, close_services, guard_from, write_floor, note, tell>;
using actions = std::vector<action>;

} // namespace chronoknock::granting

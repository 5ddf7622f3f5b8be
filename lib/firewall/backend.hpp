#pragma once

#include "firewall/rules.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

/// The firewalls that grants can go to: a name, what each can do and what it must be told.
/// io/firewall/backends.cpp has what does it.
namespace chronoknock::firewall {

/// What a backend does by itself.
struct abilities {
    bool expiry = false; ///< ends a grant when its time is over; for others `deadlines` tell when
    bool uses = false;   ///< counts the new connections that a grant is good for
    /// Knows networks: of grants, of who needs none, of what is guarded besides this host.
    bool prefixes = false;
    bool guard = false; ///< shuts the ports itself; for others a firewall that is there has to
    bool flows = false; ///< tells which connections live
};

/// What of the configuration is a backend's own.
enum class needs {
    nothing,
    sets,           ///< [service.NAME] set4, set6
    table_and_sets, ///< and [firewall] table, which they are in
    programs,       ///< [firewall] open, close and time_limit
    anything        ///< it takes all of these, and needs none
};

struct backend {
    std::string_view name; ///< [firewall] backend
    abilities can;
    firewall::needs needs = firewall::needs::nothing;
};

inline constexpr backend backends[] = {
    {"nftables", {.expiry = true, .uses = true, .prefixes = true, .guard = true, .flows = true}},
    {"nft-set", {.expiry = true}, needs::table_and_sets},
    {"ipset", {.expiry = true}, needs::sets},
    {"command", {}, needs::programs},
    // So that a configuration for any other can be tried.
    {"dry-run", {.uses = true, .prefixes = true, .flows = true}, needs::anything},
};

/// The backend of a name that the configuration has accepted.
constexpr const backend& backend_named(std::string_view name) {
    return *std::ranges::find(backends, name, &backend::name);
}

/// Refuses rules that ask for more than a backend can do: the error names section, field and backend.
result<void> check(const rules& r, const backend& b);

} // namespace chronoknock::firewall

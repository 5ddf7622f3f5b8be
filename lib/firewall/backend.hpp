#pragma once

#include "firewall/rules.hpp"

#include <string_view>

/// The firewalls that a guard can be made of: a name and what each can do. io/firewall/backends.cpp has what
/// does it.
namespace chronoknock::firewall {

/// What a backend does by itself.
struct abilities {
    bool expiry = false; ///< ends a grant when its time is over; for others `deadlines` tell when
    bool uses = false;   ///< counts the new connections that a grant is good for
    bool prefixes =
        false; ///< knows networks: of grants, of who needs none, of what is guarded besides this host
    bool flows = false; ///< tells which connections live
};

struct backend {
    std::string_view name; ///< [firewall] backend
    abilities can;
};

inline constexpr backend backends[] = {
    {"nftables", {.expiry = true, .uses = true, .prefixes = true, .flows = true}}};

/// Refuses rules that ask for more than a backend can do: the error names section, field and backend.
result<void> check(const rules& r, const backend& b);

} // namespace chronoknock::firewall

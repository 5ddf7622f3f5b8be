#pragma once

#include "base/address.hpp"
#include "base/service.hpp"
#include "firewall/connections.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The rules that guard protected ports, as values and as text for `nft -f`.
namespace chronoknock::firewall {

/// The one table that is ours: `table inet chronoknock`.
inline constexpr const char* table = "chronoknock";
/// Its chains: two hooks, and the one that both jump to.
inline constexpr const char* chains[] = {"prerouting", "input", "guard"};
/// The conntrack mark of a connection that used up one use of a grant ("knoc"), so that its retransmitted
/// SYNs do not use up another. Only connections to services with `uses` carry it.
inline constexpr const char* admitted_mark = "0x6b6e6f63";
/// Most uses of one grant: what the kernel's limit can count with a refill of one a week.
inline constexpr std::uint32_t most_uses = 30000;

enum class unauthorized { drop, reset };

/// What the firewall is to hold to.
struct rules {
    std::vector<service> services;
    firewall::unauthorized unauthorized = firewall::unauthorized::drop;
    std::vector<prefix> always_allow;
};

/// The set that holds the grants of one service and address family (4 or 6), uses included, so that a changed
/// configuration never reads grants made for another one: "grant4_ssh", "grant6_3_ssh".
std::string set_name(std::string_view service, std::uint32_t uses, int family);

/// What a set's name says.
struct grant_set {
    std::string service;
    std::uint32_t uses = 0;
    int family = 4;
    bool operator==(const grant_set&) const = default;
};

/// Reads a set's name; nothing if the set does not hold grants.
std::optional<grant_set> parse_set_name(std::string_view name);

/// One transaction for `nft -f` that makes the table hold to the rules. Chains are written anew; the sets of
/// grants among `existing` (names of the sets in the table now) stay as they are, with their elements, and
/// those of services no longer there go. `live`: established connections that must not be cut.
/// Fails on a service that cannot be expressed; no text from outside reaches the script unchecked.
result<std::string> setup_script(const rules& r, std::span<const std::string> existing,
                                 std::span<const connection> live);

/// To stand before setup_script(r, {}, live) in the same transaction: removes the table, there or not.
std::string removal_script();

} // namespace chronoknock::firewall

#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/service.hpp"
#include "base/time.hpp"
#include "firewall/flow.hpp"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The rules that guard protected ports, as values and as text for `nft -f`.
///
/// The guard needs no connection tracking. A TCP SYN needs a grant, always: whatever a socket, conntrack or a
/// mark says of its tuple, a SYN may open a connection. When it is admitted, its flow goes into a set of
/// ours, and every other segment to a guarded port needs its flow there. So neither a grant's end nor
/// `conntrack -F` cuts a connection, and a connection's end leaves nothing that a SYN could use.
namespace chronoknock::firewall {

/// The one table that is ours: `table inet chronoknock`.
inline constexpr const char* table = "chronoknock";
/// Ours where another process owns a table of that name, so that nobody else may touch it.
inline constexpr const char* spare_table = "chronoknock_2";
inline bool is_our_table(std::string_view name) { return name == table || name == spare_table; }
/// Most uses of one grant: with a refill of one a week the kernel's limit holds uses * 604,800 * 10^9
/// nanoseconds, signed, in 64 bits (nft_limit_eval), so beyond 15,250 it lets nothing through.
inline constexpr std::uint32_t most_uses = 15000;

enum class unauthorized { drop, reset };

/// Names of sets and tables that are not ours: 1 to 31 of a-z A-Z 0-9 _ - . (ipset: IPSET_MAXNAMELEN).
inline constexpr std::size_t most_set_name = 31;
bool valid_set_name(std::string_view name);

/// A table of nf_tables that is not ours: "inet filter" ([firewall] table).
struct table_name {
    std::string family; ///< inet, ip or ip6; empty: none is named
    std::string name;

    static result<table_name> parse(std::string_view text);
    std::string to_string() const { return family + " " + name; }
    bool operator==(const table_name&) const = default;
};

/// The operator's programs that open and close ([firewall] open and close): argument vectors.
struct programs {
    std::vector<std::string> open;
    std::vector<std::string> close;
    nanoseconds time_limit = std::chrono::seconds(10);
    bool operator==(const programs&) const = default;
};

/// What the firewall is to hold to.
struct rules {
    std::vector<service> services;
    firewall::unauthorized unauthorized = firewall::unauthorized::drop;
    std::vector<prefix> always_allow;
    /// Destinations guarded besides the host's own addresses ([capture] also_for).
    std::vector<prefix> also_for = {};
    /// Something in this network namespace translates addresses: what is forwarded is guarded too where its
    /// destination was rewritten, by the port it had. That asks conntrack, which translation needs anyway.
    bool translated = false;
    std::string table = firewall::table;
    /// The guard is on trial: it guards until then, and lets everybody in afterwards, whatever becomes of us.
    std::optional<instant> trial_end = {};
    nanoseconds trial_left{0}; ///< of that, when the table is written
    table_name sets_in = {};   ///< where the sets of the services are (backend nft-set)
    firewall::programs programs = {};
    bool operator==(const rules&) const = default;
};

/// True if a table that was written by `standing` is what `asked` would have written there: where it is, what
/// translates addresses and how much of a trial is left do not come with what is asked for. (Most reloads are
/// about keys, and nft takes 30 ms.)
bool holds(const rules& standing, rules asked);

/// While it has elements a guard on trial guards. They end by themselves.
inline constexpr const char* trial_set = "trial";

/// The set that holds the grants of one service in one address family (4 or 6), to single addresses or to
/// networks of one length. Its name says the uses and, by a mark, the ports, so that a changed configuration,
/// or another process, never reads grants made for another one: "grant4_ssh.6a3f20c1",
/// "grant6_3_ssh.6a3f20c1", "net4_24_ssh.6a3f20c1", "net6_64_3_ssh.6a3f20c1".
std::string set_name(const service& s, int family, std::optional<std::uint8_t> length = {});
/// The same for who has such a grant.
std::string set_name(const service& s, const prefix& who);

/// What a set's name says.
struct grant_set {
    std::string service;
    std::uint32_t uses = 0;
    int family = 4;
    std::string ports_mark;                  ///< of the service's ports, whatever their order
    std::optional<std::uint8_t> length = {}; ///< of networks; none: it holds single addresses
    bool operator==(const grant_set&) const = default;
};

/// Who an element of such a set stands for.
prefix who_of(const grant_set& set, const address& element);

/// Reads a set's name; nothing if the set does not hold grants, or is of a version whose names did not tell
/// the ports.
std::optional<grant_set> parse_set_name(std::string_view name);

/// A set of flows: those of one protocol and family, in one stage of their life.
struct flow_set {
    const char* name;
    transport protocol;
    int family;
    const char* timeout;
    /// What is in it outlives the loss of the table. (Connections that are being made do not: they begin
    /// anew; their sets have the host's address as well.)
    bool lasting;
};
inline constexpr flow_set flow_sets[] = {
    // A flow is forgotten when nothing came for a day, or three minutes over UDP (WireGuard's sessions end
    // then anyway: REJECT_AFTER_TIME); one that the host has closed, after five minutes.
    {"tcp4", transport::tcp, 4, "1d", true},      {"tcp6", transport::tcp, 6, "1d", true},
    {"closing4", transport::tcp, 4, "5m", true},  {"closing6", transport::tcp, 6, "5m", true},
    {"udp4", transport::udp, 4, "3m", true},      {"udp6", transport::udp, 6, "3m", true},
    {"opening4", transport::tcp, 4, "2m", false}, {"opening6", transport::tcp, 6, "2m", false},
};

/// An element without an end in a set of grants: none of ours, and a door open for ever.
struct permanent_element {
    std::string set;
    address who;
    bool operator==(const permanent_element&) const = default;
};

/// What there is of our table.
struct table_state {
    std::vector<std::string> sets;
    std::vector<std::string> chains;
    std::vector<permanent_element> permanent;
    bool operator==(const table_state&) const = default;
};

/// Whether scripts can be made of the rules: the table is one of ours, and the services can be expressed.
result<void> check(const rules& r);

/// One transaction for `nft -f` that makes the table hold to the rules. Chains are written anew; the sets of
/// flows, and those of grants of the services there are, stay as they are, with their elements; others go.
/// `admitted`: flows that must not be cut; those to ports that no service has are passed over. `cut`: UDP
/// flows that what the host sends is not to admit again. Fails where check() does; no text from outside
/// reaches the script unchecked.
result<std::string> setup_script(const rules& r, const table_state& existing, std::span<const flow> admitted,
                                 const std::set<flow>& cut = {});

/// Adds flows that must not be cut to a table that stands; empty if none is to a guarded port.
std::string admission_script(const rules& r, std::span<const flow> admitted);

/// To stand before setup_script(r, {}, admitted) in the same transaction: removes the table, there or not.
std::string removal_script(const std::string& table);

/// True if the service has the port.
bool guards(const service& s, transport protocol, std::uint16_t port);
/// True if some service of the rules has it.
bool guards(const rules& r, transport protocol, std::uint16_t port);
/// True if the address needs no grant.
bool always_allowed(const rules& r, const address& who);

} // namespace chronoknock::firewall

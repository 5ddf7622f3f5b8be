#pragma once

#include "base/address.hpp"
#include "base/service.hpp"
#include "config/events.hpp"
#include "config/firewall.hpp"
#include "config/fleet.hpp"
#include "config/metrics.hpp"
#include "config/parts.hpp"
#include "firewall/rules.hpp"
#include "key/credential.hpp"
#include "packet/log_line.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::config {

/// HOST[:PORT] of an NTP server, pool:NAME[:PORT] of several with one name, or nts://HOST[:PORT] of a key
/// establishment server (RFC 8915).
struct time_server {
    std::string host;
    std::uint16_t port = 123; ///< NTP 123, NTS-KE 4460
    bool nts = false;
    bool pool = false;

    static result<time_server> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(const time_server&) const = default;
};

/// [time]
struct time_settings {
    std::vector<time_server> servers;        ///< none: the system clock is trusted
    nanoseconds interval = seconds(64);      ///< between queries, at the least
    nanoseconds local_interval = seconds(8); ///< the same, for servers in the own network
    bool require = true;                     ///< no knock is accepted before the first synchronisation
    nanoseconds max_error = seconds(5);      ///< with a larger bound the clock counts as not synchronised
    bool require_nts = false;                ///< only authenticated servers count
    std::string ca_file;                     ///< field nts_ca: for nts://; empty: the system's authorities
    std::string ca_text;                     ///< what whoever reads the configuration has found in that file
    nanoseconds max_step = seconds(1); ///< after the first fix, what a poll may move the clock by unasked
    unsigned first_fix_unchecked = 0;  ///< not 0: until the first fix certificates may be of any date
    bool operator==(const time_settings&) const = default;
};

/// [capture] log and pattern
struct log_settings {
    std::string file;                                 ///< read instead of capturing; empty: none is
    std::string pattern;                              ///< of its lines; empty: netfilter's LOG format
    std::shared_ptr<const packet::log_format> format; ///< what the pattern says, if there is a file

    bool operator==(const log_settings& other) const {
        return file == other.file && pattern == other.pattern;
    }
};

enum class matching { set, strict };

/// [knock]
struct knock_settings {
    matching mode = matching::set;
    std::uint32_t memory = 256; ///< SYNs remembered of an address
    nanoseconds timeout = seconds(10);
    std::uint32_t tracked = 65536; ///< addresses remembered at once
    bool operator==(const knock_settings&) const = default;
};

/// The greatest max_grants of a key.
inline constexpr std::int64_t most_max_grants = 1000;
/// The most services of a key of the fleet.
inline constexpr std::size_t most_fleet_services = 50;

/// [key.NAME]
struct key_settings {
    std::string name;
    std::string file;
    key::credential_ptr key;
    std::vector<std::size_t> services; ///< indices into server::services
    matching mode = matching::set;     ///< as [knock] has it, unless its section says otherwise
    nanoseconds knock_delay{0};
    bool for_others = false; ///< may open for another address than the one its packets come from
    bool allow_weak = false;
    std::optional<unix_time> until; ///< no knock is accepted from then on; none: it is good for ever
    std::string host;               ///< the server's name in invitations for this key; empty: none is known
    std::string stands_in;          ///< the file of its section
    std::uint32_t max_grants = 0;   ///< most that it has live at once; 0: any number
    std::uint8_t prefix4 = 32;      ///< a grant is to the network of that length around the address
    std::uint8_t prefix6 = 128;     ///< the same of IPv6
    bool pair = false;  ///< a knock that names an address of the other family opens for its source as well
    bool fleet = false; ///< its knocks count on all hosts of the fleet
};

/// The whole server configuration (chronoknock.ini(5)), checked; nothing changes it later.
struct server {
    std::string state = "/var/lib/chronoknock/state.db";
    std::string control = "/run/chronoknock/control.sock";
    std::string control_group; ///< whose members may look; empty: nobody
    std::string user;    ///< whom the server becomes, name or number; empty: chronoknock, if there is one
    std::string include; ///< pattern of paths (glob(7)); empty: nothing is included
    std::vector<std::string> interfaces = {"any"}; ///< names, any, nflog:GROUP
    std::vector<prefix> also_for;                  ///< destinations guarded besides the host's own addresses
    log_settings log;
    time_settings time;
    knock_settings knock;
    firewall_settings firewall;
    event_settings events;
    metrics_settings metrics;
    fleet_settings fleet;
    std::vector<service> services;
    std::vector<key_settings> keys;
};

/// Reads a key file from a path; the shell behind it checks owner and mode.
using key_loader = std::function<result<key::credential_ptr>(const std::string& path)>;

/// Reads a server configuration. file: its name, for messages, and the folder that relative paths count
/// from. Errors are one line, `FILE:LINE: [section] field: what was expected`. include: gives the files that
/// it includes; none: it includes none, whatever it says.
result<server> parse_server(std::string_view text, const std::string& file, const key_loader& load_key,
                            const includer& include = {});

/// What a configuration asks of the firewall.
firewall::rules rules_of(const server& c);

/// [server] of a configuration.
struct server_paths {
    std::string state;
    std::string control;
    std::string control_group;
    std::string include;
};

/// What [server] says in a text that need be no valid configuration otherwise; the default of what cannot be
/// read.
server_paths paths_of(std::string_view text, const std::string& file);

} // namespace chronoknock::config

#pragma once

#include "base/error.hpp"
#include "base/ini.hpp"
#include "key/secret.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::config {

/// What becomes of knocks of the fleet's keys while the cluster is lost.
enum class on_loss { refuse, local };

/// A member of the cluster, https://HOST[:PORT].
struct fleet_endpoint {
    std::string host; ///< a name or an address
    std::uint16_t port = 0;

    std::string to_string() const;
    bool operator==(const fleet_endpoint&) const = default;
};

/// [fleet]
struct fleet_settings {
    std::vector<fleet_endpoint> endpoints; ///< of etcd; none: there is no fleet
    std::string ca_file;                   ///< field ca; empty: the system's authorities
    std::string cert_file; ///< field cert, with key: this host's certificate; empty: it has none
    std::string key_file;
    std::string user; ///< with password_file; empty: none
    std::string password_file;
    std::string prefix = "/chronoknock"; ///< of all names, without a slash at its end
    std::string name;                    ///< this host's
    std::string seal_file;
    on_loss when_lost = on_loss::refuse;

    // What whoever reads the configuration has found in these files.
    std::string ca_text;
    std::string cert_text;
    key::secret_text key_text;
    key::secret_text password;
    key::secret_bytes seal;

    bool is_set() const { return !endpoints.empty(); }
    bool operator==(const fleet_settings&) const = default;
};

/// Reads [fleet] of a file in a folder ("" or ending in /). Errors name file, line, section and field.
result<void> read_fleet(const std::string& file, const ini_section& section, const std::string& folder,
                        fleet_settings& to);

/// The seal in the text of its file: 64 or more hexadecimal digits. The error quotes nothing.
result<key::secret_bytes> parse_seal(std::string_view text);

/// The password in the text of its file: the first line.
result<key::secret_text> parse_password(std::string_view text);

} // namespace chronoknock::config

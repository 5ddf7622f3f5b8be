#pragma once

#include "base/address.hpp"
#include "config/server.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::config {

/// A knock as the client's own INI file describes it, in a section [profile.NAME]. The fields bear the names
/// of the members.
struct profile {
    std::string name;
    std::string host;
    std::string key;     ///< path of the key file
    std::string service; ///< empty: all that the key may open
    /// Not given: a default of the program's. Empty (`none`): the system clock.
    std::optional<std::vector<time_server>> time_servers;
    std::string nts_ca;            ///< authorities for nts:// servers; empty: the system's
    bool require_nts = false;      ///< only authenticated servers count
    std::optional<address> source; ///< not given: as the route says
    std::uint32_t rounds = 0;      ///< exactly so many; 0: as many as needed
    nanoseconds gap{0};            ///< between SYNs
    std::uint16_t wait = 0;        ///< TCP port whose opening is waited for; 0: none
    nanoseconds wait_limit = seconds(10);
    bool allow_loose_permissions = false; ///< of the key file

    bool operator==(const profile&) const = default;
};

/// Sets one field from text as the file would; relative paths count from `folder` ("" or ending in /).
/// The error says what was expected.
result<void> set_profile_field(profile& p, std::string_view field, std::string_view text,
                               const std::string& folder = {});

/// Reads the client's configuration. file: its name, for messages, and the folder that relative paths count
/// from; home: the user's folder, for paths that begin with `~/`; none: that means nothing in particular. Errors are
/// one line, as parse_server's.
result<std::vector<profile>> parse_profiles(std::string_view text, const std::string& file,
                                            const std::optional<std::string>& home = {});

} // namespace chronoknock::config

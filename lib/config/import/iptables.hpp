#pragma once

#include "base/service.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::config::importing {

/// What a command of iptables(8) does about the address that knocked, %IP%.
struct iptables_rule {
    bool opens = false;                ///< it appends or inserts; else it deletes
    std::vector<endpoint_range> ports; ///< that it accepts connections to; at least one if it opens
    std::vector<std::string> remarks;  ///< what it says besides and a grant does not
};

/// Reads `iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT` and its like. The error says what in a
/// command is none of that.
result<iptables_rule> read_iptables(std::string_view command);

} // namespace chronoknock::config::importing

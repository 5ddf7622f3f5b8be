#pragma once

#include "firewall/rules.hpp"
#include "io/firewall/netlink.hpp"

#include <set>
#include <string>

namespace chronoknock::io {

/// What the rules of a table of nf_tables come to, as far as it matters for who is let in.
struct table_sight {
    std::set<std::string> sets;    ///< that some rule looks an address up in
    bool hooks_in = false;         ///< a chain of its own sees what comes in, or what is forwarded
    bool drops_by_policy = false;  ///< such a chain drops what no rule accepts
    bool drops_or_rejects = false; ///< some rule does
};

/// Reads the rules of a table. no_such_file_or_directory if there is none.
netlink_result<table_sight> look_at_table(const firewall::table_name& t);

} // namespace chronoknock::io

#pragma once

#include "firewall/rules.hpp"

#include <set>
#include <string>
#include <vector>

namespace chronoknock::firewall {

/// What nft is to do, as values: whoever runs it makes the script himself, so that no text from elsewhere
/// reaches nft.
struct nft_order {
    enum class action {
        keep,  ///< the table holds to the rules, and keeps its sets (setup_script())
        anew,  ///< the same, and what was there is removed first
        admit, ///< flows are added to a table that stands (admission_script())
    };
    action task = action::keep;
    firewall::rules rules;
    table_state existing = {}; ///< of keep
    std::vector<flow> admitted = {};
    std::set<flow> cut = {}; ///< not of admit
    bool operator==(const nft_order&) const = default;
};

/// The script; empty if there is nothing to do. Fails on what cannot be expressed, and on a table that is
/// none of ours.
result<std::string> script_of(const nft_order& o);

} // namespace chronoknock::firewall

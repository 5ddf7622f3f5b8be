#pragma once

#include "grant/burnt.hpp"
#include "grant/opened.hpp"
#include "io/store/store_mark.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

/// What a mark holds of the commit that it was renewed for (see burnt_record).
struct pending_burn {
    store_mark::state after; ///< what the other mark was: the one of the commit before
    std::vector<granting::burnt> tokens;
    std::vector<granting::opened_grant> grants; ///< what they open
};

/// As bytes for a mark; empty if they are more than it can hold.
std::string encode(const store_mark::state& after, std::span<const granting::burnt> tokens,
                   std::span<const granting::opened_grant> grants);
/// Nothing for what neither encode() nor that of earlier versions gave: of state files of version 0, and of
/// those that wrote down no grants.
std::optional<pending_burn> decode_pending_burn(std::string_view bytes);

} // namespace chronoknock::io

#pragma once

#include "grant/replay_guard.hpp"
#include "io/store/store_mark.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

/// What a mark holds of the commit that it was renewed for (see store).
struct pending_burn {
    store_mark::state after; ///< what the other mark was: the one of the commit before
    std::vector<granting::burnt> knocks;
};

/// As bytes for a mark; empty if they are more than it can hold.
std::string encode(const store_mark::state& after, std::span<const granting::burnt> knocks);
/// Nothing for what encode() did not give.
std::optional<pending_burn> decode_pending_burn(std::string_view bytes);

} // namespace chronoknock::io

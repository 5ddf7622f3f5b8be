#pragma once

#include "io/store_mark.hpp"
#include "knock/replay.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

/// What a mark holds of the commit that it was renewed for (see store).
struct pending_burn {
    store_mark::state after; ///< what the other mark was: the one of the commit before
    std::vector<knock::burnt> knocks;
};

/// As bytes for a mark; empty if they are more than it can hold.
std::string encode(const store_mark::state& after, std::span<const knock::burnt> knocks);
/// Nothing for what encode() did not give.
std::optional<pending_burn> decode_pending_burn(std::string_view bytes);

} // namespace chronoknock::io

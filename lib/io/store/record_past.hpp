#pragma once

#include "base/error.hpp"
#include "grant/history.hpp"
#include "report/series.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// What a state file tells of the past.
struct record_past {
    std::vector<granting::history_entry> history; ///< the newest first
    std::vector<report::period> series;           ///< the oldest first
};

/// Reads it from a state file, which a server may have open and is not held up by; what happened in the last
/// second may be lacking. An error if there is none, or it cannot be read.
result<record_past> read_past(const std::string& state, unix_time since);

} // namespace chronoknock::io

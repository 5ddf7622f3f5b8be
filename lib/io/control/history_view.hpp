#pragma once

#include "base/error.hpp"
#include "grant/history.hpp"

#include <boost/json/object.hpp>
#include <span>

namespace chronoknock::io {

/// Reads {"since": SECONDS, "after": NUMBER, "key": NAME, "limit": NUMBER}; each may be missing.
result<granting::history_query> read_history_query(const boost::json::object& arguments);

/// {"entries": [...]}, the oldest first. Of a grant "until" says when each service of "services" shuts; times
/// are seconds since the epoch.
boost::json::object history_json(std::span<const granting::numbered_entry> newest_first);

} // namespace chronoknock::io

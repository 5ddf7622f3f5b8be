#pragma once

#include "io/store/sqlite.hpp"
#include "report/series.hpp"

#include <span>
#include <vector>

namespace chronoknock::io {

/// Adds rows and drops the oldest beyond what is kept (report::most_periods), in one transaction.
result<void> add_to_series(database& db, std::span<const report::period> rows);

/// The rows that ended at `since` or later, the oldest first; none if the file has no series yet.
result<std::vector<report::period>> series_since(database& db, unix_time since);

} // namespace chronoknock::io

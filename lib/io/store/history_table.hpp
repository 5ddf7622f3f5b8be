#pragma once

#include "grant/history.hpp"
#include "io/store/sqlite.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace chronoknock::io {

/// Adds entries and drops the oldest beyond what is kept (granting::most_history), in one transaction.
result<void> add_to_history(database& db, std::span<const granting::history_entry> entries);

/// The latest entries, the newest first.
result<std::vector<granting::history_entry>> latest_history(database& db, std::size_t most);

} // namespace chronoknock::io

#pragma once

#include "grant/history.hpp"
#include "io/store/sqlite.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace chronoknock::io {

/// Adds entries and drops the oldest beyond what is kept (granting::most_history), in one transaction.
result<void> add_to_history(database& db, std::span<const granting::history_entry> entries);

/// The entries that are asked for, the newest first.
result<std::vector<granting::numbered_entry>> find_in_history(database& db, const granting::history_query& q);

} // namespace chronoknock::io

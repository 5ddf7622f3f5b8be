#pragma once

#include "io/store/sqlite.hpp"

namespace chronoknock::io {

/// Brings a state file to this program's schema, in one transaction, losing nothing of an older one's. A
/// newer program's is an error, and stays as it is.
result<void> bring_up_to_date(database& db);

} // namespace chronoknock::io

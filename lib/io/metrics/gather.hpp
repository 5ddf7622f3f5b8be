#pragma once

#include "io/control/status.hpp"
#include "report/metrics.hpp"

namespace chronoknock::io {

/// What metrics tell of what the daemon knows.
report::metrics metrics_of(const snapshot& s);

} // namespace chronoknock::io

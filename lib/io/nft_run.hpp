#pragma once

#include "base/error.hpp"

#include <string_view>

namespace chronoknock::io {

/// Runs `nft -f -` on the script, one transaction, and waits for it. No shell and no environment is involved.
/// The error is the first line of what nft said.
result<void> run_nft(std::string_view script);

} // namespace chronoknock::io

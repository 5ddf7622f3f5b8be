#pragma once

#include "base/error.hpp"

#include <string_view>

namespace chronoknock::io {

/// Where nft is; null where it is not.
const char* nft_program();

/// Runs `nft -f -` on the script, one transaction, and waits for it, ten seconds at most. No shell and no
/// environment is involved, and no descriptor of ours; when we have none left, spare ones are used. The error
/// is the first line of what nft said.
result<void> run_nft(std::string_view script);

} // namespace chronoknock::io

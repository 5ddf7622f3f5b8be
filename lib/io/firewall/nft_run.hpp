#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::io {

/// Where nft is; null where it is not.
const char* nft_program();

/// Runs `nft -f -` on the script, one transaction, and waits for it, ten seconds at most. No shell and no
/// environment is involved, and no descriptor of ours; when we have none left, spare ones are used. Gives the
/// first line of what nft said against the script; nothing if it took it. The error: nft came to no answer.
result<std::optional<std::string>> ask_nft(std::string_view script);

/// The same, for those to whom both are a failure.
result<void> run_nft(std::string_view script);

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"
#include "firewall/nft_order.hpp"

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

/// Makes the script of an order and asks nft. What cannot be expressed is said against it, too.
result<std::optional<std::string>> run_order(const firewall::nft_order& order);

/// ask_nft(), for those to whom both are a failure.
result<void> run_nft(std::string_view script);

} // namespace chronoknock::io

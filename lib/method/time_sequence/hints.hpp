#pragma once

#include "config/server.hpp"
#include "method/time_sequence/keyring.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace chronoknock::time_sequence {

/// How many hints a matcher of these keys (indices into server::keys) has, a power of two.
/// They are for who is looked at again within moments: a knock that is not complete yet, and whoever sends on
/// and on. 4,096 addresses that do have one for each live sequence whose selector is among their last 256
/// ports. With fewer, what was found incomplete is derived again and again.
std::size_t hints_for(const config::server& server, std::span<const std::uint32_t> keys,
                      const sequence_kind& kind);

} // namespace chronoknock::time_sequence

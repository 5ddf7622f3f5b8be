#pragma once

#include "config/server.hpp"
#include "key/psk.hpp"

#include <cstddef>

namespace chronoknock::time_sequence {

/// How many sequences of the key are live at once: each service it may ask for by name, all of them by the
/// empty name, in each window that is acceptable when the clock's error is at its most.
double live_sequences(const key::psk& key, std::size_t services, nanoseconds max_error);

/// -log2 of the chance that one SYN of a stranger, whatever ports he picks, completes one of the key's live
/// sequences (chronoknock-protocol(7), SECURITY BUDGET).
double security_bits(const config::key_settings& key, const config::server& server);

} // namespace chronoknock::time_sequence

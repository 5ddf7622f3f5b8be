#pragma once

#include "config/import/draft.hpp"

namespace chronoknock::config::importing {

/// Reads a knockd.conf (knockd(1)). Each door that a rule of iptables opens becomes a key of the method
/// static: its sequence, or its one-time sequences as a pad. file: its name, for notes; issued: when pads
/// begin to count, in seconds since the epoch. The error: not such a file, or nothing of it can be carried
/// over; it quotes no sequence.
result<imported> read_knockd(std::string_view text, const std::string& file, std::int64_t issued,
                             const file_reader& read_other);

} // namespace chronoknock::config::importing

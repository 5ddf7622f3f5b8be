#pragma once

#include "config/import/draft.hpp"

namespace chronoknock::config::importing {

/// Reads an access.conf (fwknopd(8)). Each stanza with a symmetric key and one for the HMAC becomes a key of
/// the method fwknop. file: its name, for notes; now: in seconds since the epoch, since a stanza may have
/// expired. The error: nothing of it can be carried over. Neither it nor a note quotes a secret.
result<imported> read_fwknop(std::string_view text, const std::string& file, std::int64_t now);

} // namespace chronoknock::config::importing

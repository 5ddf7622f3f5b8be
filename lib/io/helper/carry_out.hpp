#pragma once

#include "helper/requests.hpp"
#include "io/config_texts.hpp"
#include "io/helper/site.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace chronoknock::io {

/// Those of configurations that the helper has read.
using known_programs = std::vector<named_program>;

/// Reads one request from the stream, does it and answers. For a process of its own, that ends then.
/// kind: what was said to come. programs: what may be run. found: a socket for those that a configuration
/// names (next_found()).
void carry_out_request(int stream, std::uint8_t kind, const helper_site& site, const known_programs& programs,
                       int found);

/// From the other end of `found`; none: no more was sent. Before those of a configuration comes one without a
/// command.
std::optional<named_program> next_found(int found);

} // namespace chronoknock::io

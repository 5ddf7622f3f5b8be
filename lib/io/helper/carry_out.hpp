#pragma once

#include "helper/requests.hpp"
#include "io/helper/site.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Programs that configurations named which the helper has read.
using known_programs = std::vector<std::vector<std::string>>;

/// Reads one request from the stream, does it and answers. For a process of its own, that ends then.
/// kind: what was said to come. programs: what may be run. found: a socket for the one that a configuration
/// names (known_program()).
void carry_out_request(int stream, std::uint8_t kind, const helper_site& site, const known_programs& programs,
                       int found);

/// The other end of `found`: none if nothing was sent, or it is no program.
std::vector<std::string> known_program(int found);

} // namespace chronoknock::io

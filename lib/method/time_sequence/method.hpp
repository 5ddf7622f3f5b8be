#pragma once

#include "method/method.hpp"

/// The paper's method: the ports of a sequence, derived from address, time and secret (contract, sections 2
/// and 3).
namespace chronoknock::time_sequence {

method::row row();

} // namespace chronoknock::time_sequence

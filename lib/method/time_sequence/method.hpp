#pragma once

#include "method/method.hpp"

/// The paper's method: the ports of a sequence, derived from address, time and secret
/// (chronoknock-protocol(7), DERIVATION and MATCHING).
namespace chronoknock::time_sequence {

method::row row();

} // namespace chronoknock::time_sequence

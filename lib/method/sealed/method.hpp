#pragma once

#include "method/method.hpp"

/// Encrypted requests, by one of several carriers (chronoknock-protocol(7), METHODS).
namespace chronoknock::sealed {

method::row row();

} // namespace chronoknock::sealed

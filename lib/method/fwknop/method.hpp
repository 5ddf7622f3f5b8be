#pragma once

#include "method/method.hpp"

/// fwknop's packets, as they are (chronoknock-protocol(7), METHODS).
namespace chronoknock::fwknop {

method::row row();

} // namespace chronoknock::fwknop

#pragma once

#include "method/method.hpp"

/// Two ways, for clients that do not know their address: a request, an answer, a response (deGraaf, Aycock
/// and Jacobson; chronoknock-protocol(7), METHODS).
namespace chronoknock::challenge {

method::row row();

} // namespace chronoknock::challenge

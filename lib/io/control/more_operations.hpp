#pragma once

#include "io/control/control.hpp"

namespace chronoknock::io {

/// Operations besides those of the server: none, but in a program of the tests, which has a definition of its
/// own.
operations more_operations();

} // namespace chronoknock::io

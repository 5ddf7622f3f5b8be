#pragma once

#include "method/method.hpp"

/// Fixed sequences of ports, as Doyle's server and knockd have them, or a pad of such sequences, each good
/// once (Krzywinski). (`static` is a word of C++; its namespace is `fixed`.)
namespace chronoknock::fixed {

method::row row();

} // namespace chronoknock::fixed

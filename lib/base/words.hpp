#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace chronoknock {

/// That of the known words which one was probably meant to be: at most two letters changed, left out, added
/// or swapped with their neighbour, and not more than half of them. Empty if none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// Text in lines of at most `width`, broken at blanks, line ends among them; all but the first begin with
/// `indent` blanks, and the first has as much before it. A word that is longer stays whole.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

} // namespace chronoknock

#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock {

/// That of the known words which one was probably meant to be: at most two letters changed, left out, added
/// or swapped with their neighbour, and not more than half of them. Empty if none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// Text in lines of at most `width`, broken at blanks, line ends among them; all but the first begin with
/// `indent` blanks, and the first has as much before it. A word that is longer stays whole.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

/// Words between blanks. What stands between two ' or two " is taken as it is, blanks too; no other character
/// means anything, since no shell reads it. The error: a quotation mark stands alone.
result<std::vector<std::string>> split_words(std::string_view text);

} // namespace chronoknock

#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace chronoknock::io {

/// A text as a QR code (ISO/IEC 18004, level L) for a terminal, two rows of it in each line of half blocks, with the
/// quiet zone around. Light modules are drawn, dark ones are blank: it reads on a dark terminal; with `colours` the
/// lines say black and white for themselves (ECMA-48 SGR). An error if the text is too long for one.
result<std::string> qr_code(std::string_view text, bool colours);

} // namespace chronoknock::io

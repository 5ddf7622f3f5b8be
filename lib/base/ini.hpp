#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chronoknock {

struct ini_field {
    std::string name;
    std::string_view value; ///< within the text that was read: no copy of a secret is made
    int line = 0;
    /// The value with the blanks before it, but for the one after "=": of what may begin with blanks. Empty
    /// if it was not read from a file.
    std::string_view with_blanks = {};
};

struct ini_section {
    std::string name; ///< empty for what stands before the first header
    int line = 0;
    std::vector<ini_field> fields;
};

/// Reads `[section]`, `name = value` and comments from `#` to the end of a line. Sections and fields keep
/// their order; one that stands twice is an error, as is any other line. Errors begin with the line number
/// and never quote a value, which may be a secret. (Program_options' reader knows neither line numbers nor
/// empty sections.)
result<std::vector<ini_section>> parse_ini(std::string_view text);

/// The same error with the file it is about: "line 3: what" becomes "FILE:3: what", "what" "FILE: what".
error in_file(const std::string& file, const error& e);

} // namespace chronoknock

#pragma once

#include "base/error.hpp"
#include "base/ini.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// The files that a server's configuration is made of (chronoknock.ini(5), [server] include).
namespace chronoknock::config {

/// A file that the configuration includes.
struct included_file {
    std::string path;
    std::string text;
};

/// Gives the files whose paths a pattern matches (glob(7)), in the order of their names; none is no error.
using includer = std::function<result<std::vector<included_file>>(const std::string& pattern)>;

/// One file of a configuration with its sections.
struct part {
    std::string file;
    std::vector<ini_section> sections;
    bool included = true;
};

/// The configuration's own file first, then those that it includes. The sections are views of `texts`, and of
/// the text that was given.
struct parts {
    std::vector<included_file> texts;
    std::vector<part> all;
};

/// The value of `include` as a pattern of whole paths: one that does not begin with / counts from `folder` ("" or
/// ending in /), in which no character stands for others. An error says what was expected.
result<std::string> parse_include(std::string_view text, const std::string& folder);

/// Reads the files. Refused, besides what parse_ini refuses: sections in two places, and in an included file others
/// than [service.NAME] and [key.NAME]. include: none gives no files.
result<parts> read_parts(std::string_view text, const std::string& file, const includer& include);

} // namespace chronoknock::config

#pragma once

#include "app/commands.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::app {

namespace po = boost::program_options;

/// Ends a command: its exit status, after a message that has been said. main() catches it.
struct stop {
    int status;
};

/// How a command is called.
struct usage {
    std::string synopsis; ///< "keygen --out FILE [OPTION...]"
    std::string about;    ///< what the command does, a sentence or two
    po::options_description options{"Options"};
    po::positional_options_description positional{};
    po::options_description hidden{}; ///< options behind the positional arguments
};

/// The options given. Throws stop when the command has no more to do: `done` after --help, `bad_usage` after
/// a message. Every option is a string, so that one reader of numbers and addresses (base/text.hpp) makes all
/// messages.
po::variables_map parse_options(const arguments& args, const usage& u);

/// How a command is called, without running it. (parse_options(), which each command calls first, ends it.)
usage usage_of(int (*run)(const arguments&));

/// An option's value, or nothing when it was not given.
std::optional<std::string> given(const po::variables_map& options, const std::string& name);

/// An option with a value that help calls `name`.
inline po::typed_value<std::string>* text(const char* name) {
    return po::value<std::string>()->value_name(name);
}

/// Writes one line, "chronoknock: TEXT", to standard error, whatever bytes the text has.
void tell(std::string_view line);

/// The same as a command's last word: returns `status`.
int say(int status, std::string_view line);

/// The same for an option that does not fit: "chronoknock: --NAME: TEXT".
int unfit(std::string_view option, const error& e);

/// A whole number within [least, most] from an option, or `otherwise`.
result<std::int64_t> number_option(const po::variables_map& options, const std::string& name,
                                   std::int64_t least, std::int64_t most, std::int64_t otherwise);

} // namespace chronoknock::app

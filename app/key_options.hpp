#pragma once

#include "app/options.hpp"
#include "base/ini.hpp"
#include "method/method.hpp"

#include <list>
#include <string>
#include <variant>
#include <vector>

/// The options of commands that make a key.
namespace chronoknock::app {

/// Adds --method, an option for each usual field of a key file, and --field.
void add_key_options(po::options_description& options);

/// Fields of a key file; `texts` is what their values are views of.
struct key_fields {
    std::list<std::string> texts;
    std::vector<ini_field> fields;

    /// Adds a field. An error if it is there, or its value would not stay one line's.
    result<void> add(const std::string& name, std::string value);
};

/// The fields that were given.
result<key_fields> read_key_fields(const po::variables_map& options);

/// The method of a name, if keys of it can be made.
result<const method::row*> find_method(const std::string& name);

/// A new key with fresh secrets. The error is one line, with the option it is about.
struct not_made {
    int status;
    std::string why;
};
std::variant<method::key_files, not_made> make_key(const method::row& m, const key_fields& fields);

} // namespace chronoknock::app

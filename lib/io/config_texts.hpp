#pragma once

#include "helper/answers.hpp"
#include "helper/requests.hpp"
#include "io/server_config.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// A program that a configuration names.
struct named_program {
    helper::program which = helper::program::event;
    std::vector<std::string> command;
    nanoseconds time_limit{0};
    bool operator==(const named_program&) const = default;
};

/// What the helper has read.
struct read_texts {
    helper::configuration_texts texts;
    bool is_whole = false; ///< it is a configuration
    std::vector<named_program> programs;
};

/// Reads a configuration as load_server_config() would, and keeps the texts.
read_texts read_config_texts(const std::string& path, bool allow_loose_permissions);

/// Reads a configuration from such texts: nothing is opened but what the system has of authorities.
result<config::server> load_server_config(const std::string& path, const helper::configuration_texts& texts,
                                          without_keys none);

} // namespace chronoknock::io

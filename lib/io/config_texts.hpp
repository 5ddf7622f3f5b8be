#pragma once

#include "helper/answers.hpp"
#include "io/server_config.hpp"

#include <string>
#include <vector>

namespace chronoknock::io {

/// What the helper has read.
struct read_texts {
    helper::configuration_texts texts;
    std::vector<std::string> program; ///< [events] on_event, if the whole is a configuration
};

/// Reads a configuration as load_server_config() would, and keeps the texts.
read_texts read_config_texts(const std::string& path, bool allow_loose_permissions);

/// Reads a configuration from such texts: nothing is opened but certificates ([time] nts_ca).
result<config::server> load_server_config(const std::string& path, const helper::configuration_texts& texts,
                                          without_keys none);

} // namespace chronoknock::io

#include "app/server_site.hpp"

#include "io/system/files.hpp"

namespace chronoknock::app {

void add_config_option(po::options_description& options) {
    const auto help = std::string("the server's configuration (") + default_config + ", if it can be read)";
    options.add_options()("config", text("FILE"), help.c_str());
}

server_site find_server(const po::variables_map& options) {
    const auto file = given(options, "config");
    const auto text = io::read_file(file.value_or(default_config));
    if (!text && file) throw stop{say(bad_usage, text.error().text)};
    if (!text) return {{}, config::paths_of("", "")};
    const auto config = file.value_or(default_config);
    return {config, config::paths_of(*text, config)};
}

} // namespace chronoknock::app

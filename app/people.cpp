#include "app/people.hpp"

#include "app/request.hpp"
#include "config/fields.hpp"
#include "config/names.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <filesystem>

namespace chronoknock::app {

std::string site::key_file(const std::string& name) const {
    return config::folder_of(config) + "keys/" + name + ".key";
}

void add_site_option(po::options_description& options) {
    options.add_options()("config", text("FILE"), "the server's configuration (/etc/chronoknock/chronoknock.ini)");
}

site find_site(const po::variables_map& options) {
    site s;
    s.config = std::filesystem::absolute(given(options, "config").value_or("/etc/chronoknock/chronoknock.ini"))
                   .lexically_normal()
                   .string();
    const auto text = io::read_file(s.config);
    if (!text) throw stop{say(bad_usage, text.error().text)};
    const auto paths = config::paths_of(*text, s.config);
    s.control = paths.control;
    s.include = paths.include;
    return s;
}

std::vector<const config::key_settings*> keys_of(const config::server& c, const std::string& person) {
    std::vector<const config::key_settings*> found;
    for (const auto& k : c.keys)
        if (config::key_name::parse(k.name).person == person) found.push_back(&k);
    std::ranges::sort(found, {}, [](const auto* k) { return config::key_name::parse(k->name).number; });
    return found;
}

} // namespace chronoknock::app

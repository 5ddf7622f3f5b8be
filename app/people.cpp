#include "app/people.hpp"

#include "app/server_site.hpp"
#include "config/fields.hpp"
#include "config/names.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <filesystem>

namespace chronoknock::app {

std::string site::key_file(const std::string& name) const {
    return config::folder_of(config) + "keys/" + name + ".key";
}

io::folder_lock lock_folder_of(const std::string& file) {
    auto lock = io::folder_lock::take(file, patience_with_others);
    if (!lock) throw stop{say(failed, lock.error().text)};
    return std::move(*lock);
}

site find_site(const po::variables_map& options) {
    const auto found = find_server(options);
    site s;
    s.config = std::filesystem::absolute(found.config.empty() ? default_config : found.config)
                   .lexically_normal()
                   .string();
    const auto read = [&s] {
        auto text = io::read_file(s.config);
        if (!text) throw stop{say(bad_usage, text.error().text)};
        return std::move(*text);
    };
    read(); // no folder is made for one that is not there
    s.lock.emplace(lock_folder_of(s.config));
    const auto paths = config::paths_of(read(), s.config);
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

#include "app/people.hpp"

#include "app/server_site.hpp"
#include "base/ini.hpp"
#include "config/fields.hpp"
#include "config/names.hpp"
#include "io/system/files.hpp"
#include "io/system/include.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace chronoknock::app {

namespace fs = std::filesystem;

std::string site::key_file(const std::string& name) const {
    return config::folder_of(config) + "keys/" + name + ".key";
}

site find_site(const po::variables_map& options) {
    const auto found = find_server(options);
    site s;
    s.config = fs::absolute(found.config.empty() ? default_config : found.config).lexically_normal().string();
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
    io::remove_put_aside(config::folder_of(s.key_file("")));
    if (!s.include.empty()) io::remove_put_aside(config::folder_of(s.include));
    return s;
}

bool names_key_file(const site& s, const std::string& path) {
    const auto main = io::read_file(s.config);
    auto files = io::read_included(s.include);
    if (!main || !files) return true;
    files->push_back({s.config, *main});
    return std::ranges::any_of(*files, [&](const auto& file) {
        const auto sections = parse_ini(file.text);
        return !sections || std::ranges::any_of(*sections, [&](const auto& section) {
            const auto field = std::ranges::find(section.fields, "file", &ini_field::name);
            if (!section.name.starts_with("key.") || field == section.fields.end()) return false;
            const std::string key(field->value);
            std::error_code is_missing;
            return fs::equivalent(key.starts_with('/') ? key : config::folder_of(file.path) + key, path,
                                  is_missing);
        });
    });
}

std::string& text_to_change(io::file_changes& changes, const std::string& path) {
    auto found = std::ranges::find(changes.written, path, &io::file_changes::file::path);
    if (found == changes.written.end()) {
        auto read = io::read_file(path);
        if (!read) throw stop{say(bad_usage, read.error().text)};
        found = changes.written.insert(found, {path, std::move(*read)});
    }
    return found->text;
}

std::vector<const config::key_settings*> keys_of(const config::server& c, const std::string& person) {
    std::vector<const config::key_settings*> found;
    for (const auto& k : c.keys)
        if (config::key_name::parse(k.name).person == person) found.push_back(&k);
    std::ranges::sort(found, {}, [](const auto* k) { return config::key_name::parse(k->name).number; });
    return found;
}

} // namespace chronoknock::app

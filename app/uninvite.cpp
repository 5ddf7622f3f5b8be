#include "app/asking.hpp"
#include "app/people.hpp"
#include "app/running_server.hpp"
#include "app/server_site.hpp"
#include "base/ini_edit.hpp"
#include "config/fields.hpp"
#include "config/names.hpp"
#include "io/server_config.hpp"
#include "io/system/files.hpp"
#include "io/system/privileges.hpp"

#include <boost/json.hpp>
#include <iostream>

namespace chronoknock::app {

namespace {

usage uninvite_usage() {
    usage u{
        "uninvite NAME [OPTION...]",
        "Takes a person's or machine's keys out of the configuration: their sections, and their files where\n"
        "`invite` puts them. What is open for them ends, whatever --cut says; with a number behind, as in\n"
        "alice.2, NAME is that key alone."};
    u.options.add_options()                                            //
        ("cut", "end the connections that exist by their knocks, too") //
        ("old", "only keys that a renewal has replaced");
    add_config_option(u.options);
    u.options.add_options()("json", "print JSON");
    u.hidden.add_options()("name", text("NAME"));
    u.positional.add("name", 1);
    return u;
}

/// The keys that NAME stands for.
std::vector<const config::key_settings*> find_keys(const config::server& c, const std::string& name,
                                                   bool only_old) {
    const auto key = config::key_name::parse(name);
    auto found = keys_of(c, key.person);
    if (key.number != 1)
        std::erase_if(found, [&](const auto* k) { return k->name != name; });
    else if (only_old && !found.empty())
        found.pop_back();
    return found;
}

bool is_empty(const std::string& text) {
    const auto sections = parse_ini(text);
    return sections && sections->size() == 1 && sections->front().fields.empty();
}

/// Their sections out of the files in which they stand; then their own files go. (A configuration whose key
/// is missing loads for nobody, a key that no section names harms nobody.)
io::file_changes without(const std::vector<const config::key_settings*>& keys, const site& s) {
    io::file_changes changes;
    std::vector<std::string> key_files;
    for (const auto* k : keys) {
        if (!changes.text_of(k->stands_in)) {
            auto read = io::read_file(k->stands_in);
            if (!read) throw stop{say(bad_usage, read.error().text)};
            changes.written.push_back({k->stands_in, std::move(*read)});
        }
        auto& text = std::ranges::find(changes.written, k->stands_in, &io::file_changes::file::path)->text;
        text = without_section(text, "key." + k->name);
        if (k->file.starts_with(config::folder_of(s.config) + "keys/")) key_files.push_back(k->file);
    }
    std::erase_if(changes.written, [&](const auto& file) {
        const bool goes = file.path != s.config && is_empty(file.text);
        if (goes) changes.gone.push_back(file.path);
        return goes;
    });
    changes.gone.insert(changes.gone.end(), key_files.begin(), key_files.end());
    return changes;
}

void print(const po::variables_map& options, const io::file_changes& made) {
    boost::json::array removed, changed;
    for (const auto& path : made.gone) removed.emplace_back(path);
    for (const auto& file : made.written) changed.emplace_back(file.path);
    if (print_json(options, {{"removed", removed}, {"changed", changed}})) return;
    for (const auto& path : made.gone) std::cout << "removed " << path << "\n";
    for (const auto& file : made.written) std::cout << "changed " << file.path << "\n";
}

int uninvite(const po::variables_map& options) {
    const auto name = given(options, "name");
    if (!name) return say(bad_usage, "expected a name; usage: chronoknock " + uninvite_usage().synopsis);
    if (const auto kept = io::keep_only_network_privileges(); !kept) return say(failed, kept.error().text);
    auto where = find_site(options);
    const auto before = io::load_server_config(where.config, false, {}, io::without_keys::once_served);
    if (!before) return say(bad_usage, before.error().text);
    const auto keys = find_keys(*before, *name, options.count("old") != 0);
    if (keys.empty())
        return say(bad_usage, where.config + ": no " + (options.count("old") ? "replaced " : "") + "[key." +
                                  printable(*name) + "]");
    const auto changes = without(keys, where);
    const auto after = io::load_server_config(where.config, false, changes, io::without_keys::once_served);
    if (!after) return say(bad_usage, "without it the configuration is none: " + after.error().text);

    auto made = io::made_changes::make(changes);
    if (!made) return say(failed, made.error().text);
    print(options, changes);
    made->keep();
    where.lock.reset();
    std::vector<std::string> names;
    for (const auto* k : keys) {
        names.push_back(k->name);
        if (!changes.takes_away(k->file)) tell("the key file stays: " + k->file);
    }
    if (after->keys.empty())
        tell("warning: that was the last key: from now on nobody gets in; `chronoknock invite` lets somebody "
             "in");
    const bool taken_up = take_up(where.control);
    return end_grants(where.control, names, options.count("cut") != 0) && taken_up ? done : failed;
}

} // namespace

int run_uninvite(const arguments& args) { return uninvite(parse_options(args, uninvite_usage())); }

} // namespace chronoknock::app

#include "app/asking.hpp"
#include "app/people.hpp"
#include "app/running_server.hpp"
#include "app/server_site.hpp"
#include "base/ini_edit.hpp"
#include "config/fields.hpp"
#include "config/names.hpp"
#include "io/control/ask.hpp"
#include "io/server_config.hpp"
#include "io/system/privileges.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <limits>
#include <set>

namespace chronoknock::app {

namespace {

usage uninvite_usage() {
    usage u{
        "uninvite NAME [OPTION...]",
        "Takes a person's or machine's keys out of the configuration: their sections, and their files where\n"
        "`invite` puts them. What is open for them ends, whatever --cut says; with a number behind, as in\n"
        "alice.2, NAME is that key alone. It may be repeated if it was broken off."};
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
        auto& text = text_to_change(changes, k->stands_in);
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

/// What the server may know NAME's keys by: those that were found in the configuration or that it serves, and
/// those of smaller numbers. An earlier `uninvite` may have been broken off after it had taken some out: then
/// their names are nowhere any more, so that the first few are tried.
std::vector<std::string> names_at_server(const config::server& c, const std::string& name, bool only_old,
                                         const std::vector<const config::key_settings*>& found,
                                         const std::vector<std::string>& served) {
    auto key = config::key_name::parse(name);
    if (key.number != 1) return {name};
    constexpr std::uint32_t tried = 8;
    std::uint32_t end = std::numeric_limits<std::uint32_t>::max(); // of the numbers that are meant
    const auto all = keys_of(c, key.person);
    if (only_old) end = all.empty() ? 0 : config::key_name::parse(all.back()->name).number;
    std::set<std::uint32_t> numbers;
    for (const auto* k : found) numbers.insert(config::key_name::parse(k->name).number);
    for (const auto& one : served)
        if (const auto k = config::key_name::parse(one); k.person == key.person) numbers.insert(k.number);
    const auto last = found.empty() ? tried : std::min(tried, *numbers.rbegin());
    for (std::uint32_t n = 1; n <= last; ++n) numbers.insert(n);
    std::vector<std::string> names;
    for (const auto n : numbers)
        if (n < end) names.push_back(config::key_name{key.person, n}.to_string());
    return names;
}

/// For a name that is in no file (any more): an `uninvite` that was broken off left the server with its keys,
/// or what is open for them uncut.
int end_what_is_left(const po::variables_map& options, site& where, const std::vector<std::string>& names,
                     const std::vector<std::string>& served, const std::string& no_key) {
    const bool is_served = std::ranges::any_of(
        names, [&](const auto& n) { return std::ranges::find(served, n) != served.end(); });
    where.lock.reset();
    if (names.empty() || !io::somebody_listens(where.control)) return say(bad_usage, no_key);
    const auto goes = [&](const auto& n) { return std::ranges::find(names, n) != names.end(); };
    const bool taken_up = !is_served || take_up(where.control, std::ranges::all_of(served, goes));
    const auto ended = end_grants(where.control, names, options.count("cut") != 0);
    if (ended == ending::nothing && !is_served)
        return say(bad_usage, no_key + ", and the running server knows of none");
    print(options, {});
    return ended != ending::not_all && taken_up ? done : failed;
}

int uninvite(const po::variables_map& options) {
    const auto name = given(options, "name");
    if (!name) return say(bad_usage, "expected a name; usage: chronoknock " + uninvite_usage().synopsis);
    if (const auto kept = io::keep_only_network_privileges(); !kept) return say(failed, kept.error().text);
    auto where = find_site(options);
    const auto before = io::load_server_config(where.config, false, {}, io::without_keys::once_served);
    if (!before) return say(bad_usage, before.error().text);
    const bool only_old = options.count("old") != 0;
    const auto keys = find_keys(*before, *name, only_old);
    const auto served = keys_served(where.control);
    const auto names = names_at_server(*before, *name, only_old, keys, served);
    if (keys.empty())
        return end_what_is_left(options, where, names, served,
                                where.config + ": no " + (only_old ? "replaced " : "") + "[key." +
                                    printable(*name) + "]");
    const auto changes = without(keys, where);
    const auto after = io::load_server_config(where.config, false, changes, io::without_keys::once_served);
    if (!after) return say(bad_usage, "without it the configuration is none: " + after.error().text);

    auto made = io::made_changes::make(changes);
    if (!made) return say(failed, made.error().text);
    print(options, changes);
    made->keep();
    where.lock.reset();
    for (const auto* k : keys)
        if (!changes.takes_away(k->file)) tell("the key file stays: " + k->file);
    if (after->keys.empty())
        tell("warning: that was the last key: from now on nobody gets in; `chronoknock invite` lets somebody "
             "in");
    const bool taken_up = take_up(where.control, after->keys.empty());
    const auto ended = end_grants(where.control, names, options.count("cut") != 0);
    if (ended == ending::nothing) tell("nothing was open for " + *name);
    return ended != ending::not_all && taken_up ? done : failed;
}

} // namespace

int run_uninvite(const arguments& args) { return uninvite(parse_options(args, uninvite_usage())); }

} // namespace chronoknock::app

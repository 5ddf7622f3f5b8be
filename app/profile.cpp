#include "app/folder_change.hpp"
#include "app/request.hpp"
#include "base/ini_edit.hpp"
#include "config/fields.hpp"
#include "config/invitation.hpp"
#include "config/names.hpp"
#include "io/client/profiles.hpp"
#include "io/system/file_changes.hpp"
#include "io/system/files.hpp"
#include "io/system/terminal.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <unistd.h>

namespace chronoknock::app {

namespace {

namespace json = boost::json;

usage profile_usage() {
    usage u{
        "profile add NAME [URI|-] | list | show NAME | remove NAME [OPTION...]",
        "Keeps the profiles of the client's own configuration. `add` takes an invitation of a server's\n"
        "(chronoknock invite): - for standard input; without it, it asks, and does not show what is typed;\n"
        "or the line itself, which stands in the shell's history then, and which every user of the machine\n"
        "sees meanwhile (ps). Secrets are never shown."};
    u.options.add_options()                                                                 //
        ("config", text("FILE"), "file with profiles (~/.config/chronoknock/client.ini)")   //
        ("replace", "with add: put the invitation in the place of a profile that is there") //
        ("json", "with list and show: JSON");
    u.hidden.add_options()("verb", text("VERB"))("name", text("NAME"))("uri", text("URI"));
    u.positional.add("verb", 1).add("name", 1).add("uri", 1);
    return u;
}

/// The client's configuration as it is.
struct client_file {
    std::string path;
    std::string text; ///< empty: there is none yet
    std::vector<config::profile> profiles;

    const config::profile* find(const std::string& name) const {
        const auto found = std::ranges::find(profiles, name, &config::profile::name);
        return found == profiles.end() ? nullptr : &*found;
    }
    std::string key_folder() const { return config::folder_of(path) + "keys/"; }
    /// A key file that `add` made, and that no other profile uses: it goes with its profile.
    bool goes_with(const config::profile& p) const {
        return p.key.starts_with(key_folder()) &&
               std::ranges::count(profiles, p.key, &config::profile::key) == 1 &&
               ::access(p.key.c_str(), F_OK) == 0;
    }
};

std::string client_path(const po::variables_map& options) {
    return std::filesystem::absolute(io::profiles_path(given(options, "config"))).lexically_normal().string();
}

client_file read_client_file(const po::variables_map& options) {
    client_file f;
    f.path = client_path(options);
    std::error_code unknown;
    if (!std::filesystem::exists(f.path, unknown) && !unknown) return f;
    auto text = io::read_file(f.path);
    if (!text) throw stop{say(bad_usage, text.error().text)};
    auto profiles = config::parse_profiles(*text, f.path, io::home_folder());
    if (!profiles) throw stop{say(bad_usage, profiles.error().text)};
    f.text = std::move(*text);
    f.profiles = std::move(*profiles);
    return f;
}

const config::profile& find_profile(const client_file& f, const std::string& name) {
    const auto* found = f.find(name);
    if (!found) throw stop{say(bad_usage, f.path + ": no [profile." + printable(name) + "]")};
    return *found;
}

/// The invitation: from the command line, standard input or whoever sits at the terminal.
config::invitation read_invitation(const po::variables_map& options) {
    key::secret_text line;
    if (const auto uri = given(options, "uri"); uri && *uri != "-") {
        line = *uri;
    } else if (uri) {
        std::string text;
        if (!std::getline(std::cin, text)) throw stop{say(failed, "standard input: expected an invitation")};
        line = text;
    } else {
        const auto typed = io::read_unseen("invitation (chronoknock://...): ");
        if (!typed) throw stop{say(failed, typed.error().text)};
        line = *typed;
    }
    auto read = config::parse_uri(line);
    if (!read) throw stop{say(bad_usage, read.error().text)};
    return std::move(*read);
}

/// A name for the new key's file. An old one stays as it is until the profile names the new one.
std::string free_key_file(const client_file& f, const std::string& name, bool replace) {
    auto path = f.key_folder() + name + ".key";
    for (int n = 2; ::access(path.c_str(), F_OK) == 0; ++n) {
        if (!replace)
            throw stop{say(bad_usage, path + ": exists already; --replace leaves it and takes another name")};
        path = f.key_folder() + name + "." + std::to_string(n) + ".key";
    }
    return path;
}

/// What stands in the way of a new profile. Throws stop.
void check_free(const client_file& f, const std::string& name, bool replace) {
    if (f.find(name) && !replace)
        throw stop{say(bad_usage, f.path + ": [profile." + name +
                                      "] is there already; --replace puts the invitation in its place")};
    free_key_file(f, name, replace);
}

int add(const po::variables_map& options, const std::string& name) {
    if (!config::valid_file_name(name))
        return say(bad_usage, "NAME: expected 1 to 64 of a-z A-Z 0-9 . _ - @, a letter or digit first");
    const bool replace = options.count("replace") != 0;
    check_free(read_client_file(options), name, replace); // before anybody is asked to type
    const auto i = read_invitation(options);
    const auto k = method::read_key(i.key);
    if (!k) return say(bad_usage, "the key of the invitation: " + k.error().text);
    const auto lock = lock_folder_of(client_path(options));
    const auto f = read_client_file(options);
    io::remove_put_aside(f.key_folder());
    check_free(f, name, replace);
    const auto* old = f.find(name);
    const auto key_file = free_key_file(f, name, replace);
    if (!(*k)->can_knock()) return say(bad_usage, "the key of the invitation: " + server_has_it(key_file));

    ini_values values = {{"host", i.host}, {"key", key_file.substr(config::folder_of(f.path).size())}};
    if (!i.service.empty() || old) values.emplace_back("service", i.service);
    if (!i.time_servers.empty()) values.emplace_back("time_servers", i.time_servers);
    if (i.wait != 0) values.emplace_back("wait", std::to_string(i.wait));
    io::file_changes changes;
    const auto text = with_fields(f.text, "profile." + name, values);
    changes.written = {{key_file, std::string(i.key), true}, {f.path, text}};
    if (old && f.goes_with(*old)) changes.gone.push_back(old->key);
    if (const auto fits = config::parse_profiles(text, f.path, io::home_folder()); !fits)
        return say(failed, fits.error().text);
    auto made = io::made_changes::make(changes);
    if (!made) return say(failed, made.error().text);
    made->keep();
    const auto print = (*k)->shown_fingerprint();
    std::cout << "profile " << name << ": " << i.host << (print.empty() ? "" : ", key fingerprint " + print)
              << "\n";
    return done;
}

json::object json_of(const config::profile& p) {
    return {{"name", p.name}, {"host", p.host}, {"service", p.service}, {"key", p.key}};
}

int list(const po::variables_map& options) {
    const auto f = read_client_file(options);
    if (options.count("json")) {
        json::array all;
        for (const auto& p : f.profiles) all.push_back(json_of(p));
        std::cout << json::serialize(all) << "\n";
        return done;
    }
    std::size_t width = 0;
    for (const auto& p : f.profiles) width = std::max(width, p.name.size());
    for (const auto& p : f.profiles)
        std::cout << std::left << std::setw(static_cast<int>(width) + 2) << p.name << p.host
                  << (p.service.empty() ? "" : "  " + p.service) << "\n";
    if (f.profiles.empty())
        tell(f.path + ": no profile yet; chronoknock profile add NAME takes an invitation");
    return done;
}

int show(const po::variables_map& options, const std::string& name) {
    const auto f = read_client_file(options);
    const auto& p = find_profile(f, name);
    const auto k = io::load_key_file(p.key, p.allow_loose_permissions);
    if (!k) return say(bad_usage, k.error().text);
    auto print = (*k)->shown_fingerprint();
    if (options.count("json")) {
        auto o = json_of(p);
        o["method"] = std::string((*k)->method());
        o["fingerprint"] = print;
        std::cout << json::serialize(o) << "\n";
        return done;
    }
    const auto line = [](std::string_view field, const std::string& value) {
        std::cout << std::left << std::setw(14) << field << value << "\n";
    };
    line("profile", p.name);
    line("host", p.host);
    line("service", p.service.empty() ? "all that the key may open" : p.service);
    line("key", p.key + ", " + std::string((*k)->method()));
    line("fingerprint", print.empty() ? "none: what its secret is could be found by trying" : print);
    if (p.time_servers) {
        std::string servers;
        for (const auto& s : *p.time_servers) servers += (servers.empty() ? "" : ", ") + s.to_string();
        line("time servers", servers.empty() ? "none: the system clock" : servers);
    }
    std::string stun;
    for (const auto& s : p.stun) stun += (stun.empty() ? "" : ", ") + s.to_string();
    if (!stun.empty()) line("STUN servers", stun);
    if (p.wait != 0) line("wait", std::to_string(p.wait));
    return done;
}

int remove(const po::variables_map& options, const std::string& name) {
    find_profile(read_client_file(options), name); // no folder is made for one that is not there
    const auto lock = lock_folder_of(client_path(options));
    const auto f = read_client_file(options);
    io::remove_put_aside(f.key_folder());
    const auto& p = find_profile(f, name);
    io::file_changes changes;
    changes.written = {{f.path, without_section(f.text, "profile." + name)}};
    const bool with_key = f.goes_with(p);
    if (with_key) changes.gone.push_back(p.key);
    auto made = io::made_changes::make(changes);
    if (!made) return say(failed, made.error().text);
    made->keep();
    std::cout << "removed profile " << name << (with_key ? " and " + p.key : "; the key file stays: " + p.key)
              << "\n";
    return done;
}

int profile(const po::variables_map& options) {
    const auto verb = given(options, "verb").value_or("");
    const auto name = given(options, "name");
    const bool known = verb == "add" || verb == "list" || verb == "show" || verb == "remove";
    if (!known || name.has_value() != (verb != "list") || (options.count("uri") && verb != "add"))
        return say(bad_usage,
                   "expected add, list, show or remove; usage: chronoknock " + profile_usage().synopsis);
    if (verb == "list") return list(options);
    return verb == "add"    ? add(options, *name)
           : verb == "show" ? show(options, *name)
                            : remove(options, *name);
}

} // namespace

int run_profile(const arguments& args) { return profile(parse_options(args, profile_usage())); }

} // namespace chronoknock::app

#include "app/asking.hpp"
#include "app/key_options.hpp"
#include "app/people.hpp"
#include "app/running_server.hpp"
#include "app/server_site.hpp"
#include "base/date.hpp"
#include "base/ini_edit.hpp"
#include "config/fields.hpp"
#include "config/invitation.hpp"
#include "config/names.hpp"
#include "config/profile.hpp"
#include "io/server_config.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "io/system/include.hpp"
#include "io/system/privileges.hpp"
#include "io/system/qr_code.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <iostream>
#include <set>
#include <unistd.h>
#include <utility>
#include <vector>

namespace chronoknock::app {

namespace {

constexpr std::chrono::hours renewal_overlap{14 * 24};
constexpr std::string_view name_expected = "expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @, a letter or "
                                           "digit first, and no number behind its last dot, "
                                           "which the keys of renewals have";

usage invite_usage() {
    usage u{"invite NAME --service LIST --host HOST [OPTION...]",
            "Makes a key for a person or a machine: its file, its section in a file that the configuration\n"
            "includes, and one line, the invitation, from which `chronoknock profile add` makes a profile at "
            "the\n"
            "client. With --renew a second key, beside which the first is good until a date."};
    u.options.add_options()                                                               //
        ("service", text("LIST"), "services that the key may open, commas between")       //
        ("host", text("HOST"), "name or address by which the client reaches this server") //
        ("time-server", po::value<std::vector<std::string>>()->value_name("HOST"),
         "what the client asks for the time, may be repeated (those of this server that are not of its own\n"
         "network); none: the client's system clock")          //
        ("renew", "make another key for somebody who has one") //
        ("until", text("WHEN"),
         "with --renew: how long the old key is good: 30d, 12h, @UNIXTIME or a date (14d)") //
        ("qr", "show the invitation as a QR code, too")                                     //
        ("json", "print JSON, the invitation in it");
    add_config_option(u.options);
    add_key_options(u.options);
    u.hidden.add_options()("name", text("NAME"));
    u.positional.add("name", 1);
    return u;
}

result<unix_time> read_until(const std::optional<std::string>& text, unix_time now) {
    const auto today = std::chrono::floor<seconds>(now);
    if (!text) return today + renewal_overlap;
    const auto until = parse_moment(*text, today, direction::ahead);
    if (until && *until <= now)
        return error{"expected a date to come, not " + utc(to_seconds(*until)) + " UTC"};
    return until;
}

/// Fields that one key does not have from another.
bool is_own(std::string_view field) {
    static constexpr std::array own = {"method", "secret", "key_base64", "hmac_key_base64", "passphrase",
                                       "count",  "seed",   "verifier",   "issued",          "sequence"};
    return std::ranges::find(own, field) != own.end();
}

/// What a renewed key has from the one before it, unless it was given otherwise.
void inherit(key_fields& fields, const config::key_settings& old) {
    const auto text = io::read_file(old.file);
    if (!text) throw stop{say(bad_usage, text.error().text)};
    const auto sections = parse_ini(*text);
    if (!sections) throw stop{say(bad_usage, in_file(old.file, sections.error()).text)};
    for (const auto& f : sections->front().fields) {
        const bool is_given =
            std::ranges::find(fields.fields, f.name, &ini_field::name) != fields.fields.end();
        if (!is_own(f.name) && !is_given) (void)fields.add(f.name, std::string(f.value)).has_value();
    }
}

/// Where a key's section is to stand: a file that the configuration includes, and that is not there yet.
std::string stanza_file(const site& s, const std::string& name) {
    if (s.include.empty())
        throw stop{say(bad_usage, s.config +
                                      ": [server] include: expected, and missing: keys of invitations have "
                                      "files of their own; include = conf.d/*.ini")};
    const auto file = config::folder_of(s.include) + name + ".ini";
    if (!io::is_included(s.include, file))
        throw stop{say(bad_usage, s.config + ": [server] include: expected a pattern that takes in " + name +
                                      ".ini, like conf.d/*.ini")};
    const auto key_file = s.key_file(name);
    for (const auto& path : {file, key_file})
        if (::access(path.c_str(), F_OK) == 0)
            throw stop{
                say(bad_usage, path + ": exists already, and is never overwritten" +
                                   (path == key_file && !names_key_file(s, path)
                                        ? "; no section names it, as after an `invite` that was broken "
                                          "off: then it may be removed"
                                        : ""))};
    return file;
}

/// The time servers that a client can ask as well as this server.
std::string time_servers_of(const po::variables_map& options, const config::server& c) {
    std::string all;
    if (options.count("time-server")) {
        for (const auto& one : options["time-server"].as<std::vector<std::string>>())
            all += (all.empty() ? "" : ", ") + one;
        config::profile p;
        if (const auto fits = set_profile_field(p, "time_servers", all); !fits)
            throw stop{unfit("time-server", fits.error())};
        return all;
    }
    for (const auto& server : c.time.servers)
        if (const auto a = address::parse(server.host); !a || !a->is_local())
            all += (all.empty() ? "" : ", ") + server.to_string();
    return all;
}

/// What a profile says of the services of a key.
void describe_services(const config::server& c, const config::key_settings& k, const key::credential& client,
                       config::invitation& i) {
    std::string ports;
    for (const auto index : k.services) {
        i.services.push_back(c.services[index].name);
        for (const auto& range : c.services[index].ports)
            if (range.ports.first == range.ports.last)
                ports += (ports.empty() ? "" : ",") + range.to_string();
    }
    if (client.asks_for_ports())
        i.service = ports;
    else if (client.names_service() && i.services.size() == 1)
        i.service = i.services.front();
    const auto& first = c.services[k.services.front()].ports.front();
    if (i.services.size() == 1 && first.protocol == transport::tcp && first.ports.first == first.ports.last)
        i.wait = first.ports.first;
}

/// An invitation that is ready to be made.
struct draft {
    std::string name;
    io::file_changes changes;
    method::key_files files;
    std::string stanza;                                  ///< its file
    std::optional<std::string> old;                      ///< the key that it renews
    unix_time until;                                     ///< of that
    std::vector<std::pair<std::string, unix_time>> ends; ///< the keys before it, and until when each is good
};

draft write_draft(const po::variables_map& options, const std::string& person, const site& s) {
    draft d;
    std::optional<config::server> before;
    std::vector<const config::key_settings*> keys; // of the person
    const config::key_settings* old = nullptr;
    unix_time until;
    d.name = person;
    if (options.count("renew")) {
        auto read = io::load_server_config(s.config, false);
        if (!read) throw stop{say(bad_usage, read.error().text)};
        before = std::move(*read);
        keys = keys_of(*before, person);
        if (keys.empty()) throw stop{say(bad_usage, s.config + ": no [key." + person + "] to renew")};
        old = keys.back();
        d.old = old->name;
        auto name = config::key_name::parse(old->name);
        ++name.number;
        d.name = name.to_string();
        if (!config::valid_key_name(d.name))
            throw stop{say(bad_usage, "NAME: " + std::string(name_expected))};
        const auto wanted = read_until(given(options, "until"), io::system_now());
        if (!wanted) throw stop{unfit("until", wanted.error())};
        until = *wanted;
        d.until = std::min(until, old->until.value_or(until));
    } else if (options.count("until")) {
        throw stop{unfit("until", {"expected beside --renew only"})};
    }
    d.stanza = stanza_file(s, d.name);

    auto services = given(options, "service");
    if (!services && old) {
        services.emplace();
        for (const auto index : old->services)
            *services += (services->empty() ? "" : ", ") + before->services[index].name;
    }
    if (!services) throw stop{unfit("service", {"expected, and missing: names of services, commas between"})};
    const auto host = given(options, "host").value_or(old ? old->host : "");
    if (host.empty())
        throw stop{unfit("host", {"expected, and missing: how the client reaches this server"})};
    if (const auto fits = config::parse_host(host); !fits) throw stop{unfit("host", fits.error())};
    if ((*services + host).find_first_of("\n#") != std::string::npos)
        throw stop{say(bad_usage, "--service, --host: expected neither # nor a line break")};

    auto fields = read_key_fields(options);
    if (!fields) throw stop{say(bad_usage, fields.error().text)};
    const auto method =
        given(options, "method").value_or(old ? std::string(old->key->method()) : "time-sequence");
    const auto row = find_method(method);
    if (!row) throw stop{unfit("method", row.error())};
    if (old && method == old->key->method()) inherit(*fields, *old);
    auto made = make_key(**row, *fields);
    if (const auto* none = std::get_if<not_made>(&made)) throw stop{say(none->status, none->why)};
    d.files = std::move(std::get<method::key_files>(made));

    // The key before the section that names it, so that no reload meets one without the other.
    d.changes.written.push_back(
        {s.key_file(d.name), d.files.server.empty() ? d.files.client : d.files.server, true});
    d.changes.written.push_back(
        {d.stanza,
         with_fields(
             "# made by chronoknock invite on " + utc(to_seconds(io::system_now())).substr(0, 10) + "\n",
             "key." + d.name, {{"file", s.key_file(d.name)}, {"services", *services}, {"host", host}}),
         true});
    // Not of the newest alone: a renewal may have been broken off before it came to the one before it.
    for (const auto* k : keys) {
        const bool ends_sooner = k->until && *k->until <= until;
        if (k == old || !ends_sooner) d.ends.emplace_back(k->name, ends_sooner ? *k->until : until);
        if (ends_sooner) continue;
        auto& text = text_to_change(d.changes, k->stands_in);
        text = with_fields(text, "key." + k->name, {{"until", utc(to_seconds(until))}});
    }
    return d;
}

boost::json::object to_json(const draft& d, const config::invitation& i, const key::secret_text& uri,
                            const config::key_settings& k) {
    boost::json::array services;
    for (const auto& name : i.services) services.emplace_back(name);
    boost::json::object o{{"invitation", std::string_view(uri)},
                          {"key", d.name},
                          {"host", i.host},
                          {"services", std::move(services)},
                          {"fingerprint", k.key->shown_fingerprint()},
                          {"key_file", k.file},
                          {"section_file", d.stanza}};
    if (d.old) {
        o["renews"] = *d.old;
        o["until"] = to_seconds(d.until);
    }
    return o;
}

int invite(const po::variables_map& options) {
    const auto person = given(options, "name");
    if (!person) return say(bad_usage, "expected a name; usage: chronoknock " + invite_usage().synopsis);
    if (!config::valid_file_name(*person) || config::key_name::parse(*person).number != 1)
        return say(bad_usage, "NAME: " + std::string(name_expected));
    // With the server's privileges: what can be read and written now, it can read.
    if (const auto kept = io::keep_only_network_privileges(); !kept) return say(failed, kept.error().text);
    if (options.count("json") && options.count("qr")) return unfit("qr", {"expected none beside --json"});
    auto where = find_site(options);
    const auto d = write_draft(options, *person, where);

    // All of it is checked before any of it is written.
    const auto config = io::load_server_config(where.config, false, d.changes);
    if (!config) return say(bad_usage, config.error().text);
    const auto k = std::ranges::find(config->keys, d.name, &config::key_settings::name);
    const auto client = method::read_key(d.files.client);
    if (k == config->keys.end() || !client) return say(failed, "the new key is not what it should be");
    config::invitation i;
    i.name = d.name;
    i.host = k->host;
    i.time_servers = time_servers_of(options, *config);
    i.key = d.files.client;
    describe_services(*config, *k, **client, i);
    const auto uri = config::to_uri(i);
    std::string code;
    if (options.count("qr")) {
        auto drawn = io::qr_code(uri, ::isatty(STDOUT_FILENO) == 1);
        if (!drawn) return unfit("qr", drawn.error());
        code = std::move(*drawn);
    }

    auto made = io::made_changes::make(d.changes);
    if (!made) return say(failed, made.error().text);
    if (const auto good = io::load_server_config(where.config, false); !good)
        return say(bad_usage, good.error().text);
    const auto print = k->key->shown_fingerprint();
    const bool as_json = print_json(options, to_json(d, i, uri, *k));
    if (!as_json) std::cout << uri << '\n' << code;
    if (!std::cout.flush()) return failed; // main says so
    made->keep();
    where.lock.reset();

    if (as_json) return take_up(where.control) ? done : failed;
    tell("the line above holds the key: whoever has it can knock. Hand it over where nobody looks on, and "
         "take it in with: chronoknock profile add NAME -");
    tell("key " + d.name + (print.empty() ? "" : ", fingerprint " + print) + ": " + k->file + ", " +
         d.stanza);
    for (const auto& [name, end] : d.ends)
        tell("key " + name + " is good until " + utc(to_seconds(end)) +
             " UTC; chronoknock status says who still uses it");
    return take_up(where.control) ? done : failed;
}

} // namespace

int run_invite(const arguments& args) { return invite(parse_options(args, invite_usage())); }

} // namespace chronoknock::app

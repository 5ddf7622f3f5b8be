#include "config/server.hpp"

#include "config/fields.hpp"
#include "config/key_section.hpp"
#include "config/names.hpp"
#include "firewall/backend.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

namespace chronoknock::config {

namespace {

using namespace std::chrono_literals;

// sockaddr_un::sun_path holds 108 bytes with the zero at the end (unix(7)).
constexpr std::size_t most_socket_path = 107;
// Linux: IFNAMSIZ, without the zero.
constexpr std::size_t most_interface_name = 15;
// Addresses that all methods together may remember: some 0.7 GiB.
constexpr std::int64_t most_tracked = 1 << 22;

constexpr std::string_view service_mark = "service.";
constexpr std::string_view key_mark = "key.";

/// A group of netfilter's log, nflog:0 to nflog:65535.
bool names_log_group(std::string_view text) {
    static constexpr std::string_view mark = "nflog:";
    return text.starts_with(mark) && parse_number(text.substr(mark.size()), 0, 65535);
}

result<std::string> parse_interface(std::string_view text) {
    if (names_log_group(text)) return {boost::system::in_place_value, text};
    const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; };
    if (text.empty() || text.size() > most_interface_name || text == "." || text == ".." ||
        !std::ranges::all_of(text, fits))
        return error{"expected any, names of interfaces or nflog:GROUP, not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

/// The name of a user or group as useradd(8) takes them, or its number; empty for none.
result<std::string> parse_account(std::string_view text, const char* expected) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    };
    if (text.size() > 32 || !std::ranges::all_of(text, fits))
        return error{std::string(expected) + ", not '" + printable(text) + "'"};
    return {boost::system::in_place_value, text};
}

result<std::string> parse_group(std::string_view text) {
    return parse_account(text, "expected the name of a group");
}

result<std::string> parse_user(std::string_view text) {
    return parse_account(text, "expected the name of a user");
}

/// A setter for text that may be empty, which is the default.
setter<server> log_text(std::string log_settings::* member, const std::string& folder, bool is_path) {
    return [=](server& to, std::string_view text) -> result<void> {
        (to.log.*member).assign(text);
        if (is_path && !text.empty()) return path(member, folder)(to.log, text);
        return {};
    };
}

/// The tables of all sections, for a configuration in one folder.
struct tables {
    explicit tables(const std::string& folder)
        : server_section{{"state", path(&server::state, folder)},
                         {"control", path(&server::control, folder, most_socket_path)},
                         {"control_group", value(&server::control_group, parse_group)},
                         {"user", value(&server::user, parse_user)},
                         {"include", value(&server::include,
                                           [folder](auto text) { return parse_include(text, folder); })}},
          capture{{"interface", list(&server::interfaces, 1, "interface", parse_interface)},
                  {"also_for", list(&server::also_for, 0, "network", prefix::parse)},
                  {"log", log_text(&log_settings::file, folder, true)},
                  {"pattern", log_text(&log_settings::pattern, folder, false)}},
          time{{"servers", list(&time_settings::servers, 0, "server", time_server::parse)},
               {"interval", duration(&time_settings::interval, 1s, 24h)},
               {"local_interval", duration(&time_settings::local_interval, 1s, 24h)},
               {"require", boolean(&time_settings::require)},
               {"max_error", duration(&time_settings::max_error, 1ms, 1h)},
               {"require_nts", boolean(&time_settings::require_nts)},
               {"nts_ca", path(&time_settings::ca_file, folder)},
               {"max_step", duration(&time_settings::max_step, 1ms, 1h)},
               {"first_fix_unchecked", number(&time_settings::first_fix_unchecked, 0, 100)}},
          key(key_fields(folder)) {
        std::ranges::move(set_fields(), std::back_inserter(service_section));
    }

    fields<server> server_section;
    fields<server> capture;
    fields<time_settings> time;
    fields<knock_settings> knock{
        {"mode", choice(&knock_settings::mode, {{"set", matching::set}, {"strict", matching::strict}})},
        {"memory", number(&knock_settings::memory, 2, 4096)},
        {"timeout", duration(&knock_settings::timeout, 100ms, 1h)},
        {"tracked", number(&knock_settings::tracked, 1, most_tracked)}};
    fields<firewall_settings> firewall = firewall_fields();
    fields<event_settings> events = event_fields();
    fields<service> service_section{
        {"ports", list(&service::ports, 1, "port like tcp/22", endpoint_range::parse), true},
        {"open_for", duration(&service::open_for, 100ms, 720h)},
        {"max_open_for", duration(&service::max_open_for, 100ms, 720h)},
        {"uses", number(&service::uses, 0, firewall::most_uses)},
        {"until", choice(&service::until_idle, {{"time", false}, {"idle", true}})}};
    fields<key_section> key;
};

bool overlap(const endpoint_range& a, const endpoint_range& b) {
    return a.protocol == b.protocol && a.ports.first <= b.ports.last && b.ports.first <= a.ports.last;
}

/// Reads the sections in the order of the files; keys last, since they name services.
class server_reader {
public:
    explicit server_reader(const key_loader& load_key) : load_key_(load_key) {}

    result<server> read(const std::vector<part>& parts) {
        for (const auto& p : parts) {
            go_to(p);
            for (const auto& section : p.sections)
                if (const auto done = read_any(section); !done) return done.error();
        }
        go_to(parts.front());
        if (out_.services.empty()) return whole("expected at least one section [service.NAME]");
        for (const auto& [in, section] : keys_) {
            go_to(*in);
            if (const auto done = read_key(*section); !done) return done.error();
        }
        go_to(parts.front());
        if (const auto done = check_knock(); !done) return done.error();
        if (const auto done = check_firewall(parts); !done) return done.error();
        return std::move(out_);
    }

private:
    /// What is read next stands in this file; its relative paths count from its folder.
    void go_to(const part& p) {
        part_ = &p;
        const auto folder = folder_of(p.file);
        tables_ = &tables_of_.try_emplace(folder, folder).first->second;
    }
    error whole(std::string_view what) const { return {part_->file + ": " + std::string(what)}; }
    error complain(const ini_section& section, std::string_view field, std::string_view what) const {
        return config::complain(part_->file, section, field, what);
    }
    error complain(const ini_section& section, std::string_view what) const {
        return {part_->file + ":" + std::to_string(section.line) + ": [" + printable(section.name) + "] " +
                std::string(what)};
    }

    result<void> read_any(const ini_section& section) {
        const std::string_view name = section.name;
        if (name.empty()) {
            if (section.fields.empty()) return {};
            const auto& stray = section.fields.front();
            return error{part_->file + ":" + std::to_string(stray.line) + ": " + printable(stray.name) +
                         ": expected a [section] before the first field"};
        }
        if (name == "server") return read_section(part_->file, section, tables_->server_section, out_);
        if (name == "capture") return read_capture(section);
        if (name == "time") return read_time(section);
        if (name == "knock") {
            knock_section_ = &section;
            return read_section(part_->file, section, tables_->knock, out_.knock);
        }
        if (name == "firewall") return read_section(part_->file, section, tables_->firewall, out_.firewall);
        if (name == "events") return read_section(part_->file, section, tables_->events, out_.events);
        if (name == "metrics")
            return read_metrics(part_->file, section, folder_of(part_->file), out_.metrics);
        if (name == "fleet") return read_fleet(part_->file, section, folder_of(part_->file), out_.fleet);
        if (name.starts_with(service_mark)) return read_service(section);
        if (name.starts_with(key_mark)) {
            keys_.emplace_back(part_, &section);
            return {};
        }
        return complain(section, "unknown section; expected server, capture, time, knock, firewall, events, "
                                 "metrics, fleet, service.NAME or key.NAME");
    }

    result<void> read_capture(const ini_section& section) {
        if (const auto done = read_section(part_->file, section, tables_->capture, out_); !done) return done;
        if (out_.interfaces.size() > 1 && std::ranges::count(out_.interfaces, "any"))
            return complain(section, "interface", "expected any alone, or a list of interfaces");
        auto& log = out_.log;
        if (log.file.empty() && !log.pattern.empty())
            return complain(section, "pattern", "expected log = FILE beside it, whose lines it is for");
        if (log.file.empty()) return {};
        if (out_.interfaces != server().interfaces)
            return complain(section, "interface",
                            "expected none beside log: a log is read instead of capturing");
        auto format = packet::log_format::compile(log.pattern);
        if (!format) return complain(section, "pattern", format.error().text);
        log.format = std::move(*format);
        return {};
    }

    result<void> read_time(const ini_section& section) {
        const auto done = read_section(part_->file, section, tables_->time, out_.time);
        if (done && out_.time.require_nts && std::ranges::none_of(out_.time.servers, &time_server::nts))
            return complain(section, "require_nts", "expected a server nts://HOST in servers");
        const auto given = [&](std::string_view name) {
            return std::ranges::find(section.fields, name, &ini_field::name) != section.fields.end();
        };
        if (given("interval") && !given("local_interval")) out_.time.local_interval = out_.time.interval;
        return done;
    }

    result<void> read_service(const ini_section& section) {
        service s;
        s.name = section.name.substr(service_mark.size());
        if (!service::valid_name(s.name))
            return complain(section, "expected a name of 1 to 32 of a-z A-Z 0-9 _ -, a letter first");
        if (const auto done = read_section(part_->file, section, tables_->service_section, s); !done)
            return done;
        if (s.max_open_for == nanoseconds::zero()) s.max_open_for = s.open_for;
        if (s.max_open_for < s.open_for)
            return complain(section, "max_open_for",
                            "expected at least open_for, which is " + to_string(s.open_for));
        // What has been used up of a grant is not to be had from the kernel when it is prolonged.
        if (s.until_idle && s.uses > 0)
            return complain(section, "until",
                            "expected time beside uses: a grant that is prolonged has all of them again");
        for (auto range = s.ports.begin(); range != s.ports.end(); ++range) {
            for (auto other = s.ports.begin(); other != range; ++other)
                if (overlap(*range, *other))
                    return complain(section, "ports",
                                    "expected each port once; " + other->to_string() + " and " +
                                        range->to_string() + " overlap");
            // A grant for one service must not open another by surprise.
            for (const auto& earlier : out_.services)
                for (const auto& taken : earlier.ports)
                    if (overlap(*range, taken))
                        return complain(section, "ports",
                                        "expected ports of no other service; [service." + earlier.name +
                                            "] has " + taken.to_string());
        }
        services_.emplace(s.name, out_.services.size());
        out_.services.push_back(std::move(s));
        return {};
    }

    result<void> read_key(const ini_section& section) {
        key_section read;
        key_settings k;
        k.name = section.name.substr(key_mark.size());
        if (!valid_key_name(k.name))
            return complain(section, "expected a name of 1 to 64 of a-z A-Z 0-9 . _ - @");
        if (const auto done = read_section(part_->file, section, tables_->key, read); !done) return done;
        for (const auto& name : read.services) {
            const auto found = services_.find(name);
            if (found == services_.end())
                return complain(section, "services",
                                "expected names of services, and there is no [service." + name + "]");
            k.services.push_back(found->second);
        }
        k.file = std::move(read.file);
        k.mode = read.mode.value_or(out_.knock.mode); // keys are read after all other sections
        k.knock_delay = read.knock_delay;
        k.for_others = read.for_others;
        k.allow_weak = read.allow_weak;
        k.until = read.until;
        k.host = std::move(read.host);
        k.stands_in = part_->file;
        auto key = load_key_(k.file);
        if (!key) return complain(section, "file", key.error().text);
        // Nothing can tell a replay of a sequence that never changes (chronoknock-protocol(7), REPLAY).
        if ((*key)->never_changes() && !k.allow_weak)
            return complain(
                section, "file",
                "expected a key whose knocks change with the time, or allow_weak = true: one that "
                "never changes can be replayed for ever");
        // Two names for one secret: a knock would not say whose it is.
        const auto [other, fresh] = secrets_.emplace((*key)->fingerprint(), k.name);
        if (!fresh)
            return complain(section, "file",
                            "expected a key of its own, and [key." + other->second + "] has the same secret");
        k.key = std::move(*key);
        if (read.fleet && !out_.fleet.is_set())
            return complain(section, "fleet", "expected false, or a section [fleet]");
        if (const auto unfit = set_grants(k, read)) return complain(section, unfit->name, unfit->expected);
        for (const auto index : k.services) {
            if (k.prefix4 < 32) out_.services[index].prefixes4.insert(k.prefix4);
            if (k.prefix6 < 128) out_.services[index].prefixes6.insert(k.prefix6);
        }
        out_.keys.push_back(std::move(k));
        return {};
    }

    /// What depends on more than one field.
    result<void> check_knock() const {
        const ini_section nowhere;
        const auto& section = knock_section_ ? *knock_section_ : nowhere;
        const auto fail = [&](std::string_view field, const std::string& what) {
            return knock_section_ ? complain(section, field, what)
                                  : whole("[knock] " + std::string(field) + ": " + what);
        };
        // Each method whose keys need it remembers the addresses by itself.
        std::set<std::string_view> methods;
        for (const auto& k : out_.keys)
            if (k.key->least_memory() > 0) methods.insert(k.key->method());
        const auto most = most_tracked / static_cast<std::int64_t>(std::max<std::size_t>(methods.size(), 1));
        if (out_.knock.tracked > most)
            return fail("tracked", "expected at most " + std::to_string(most) + " with keys of " +
                                       std::to_string(methods.size()) + " methods");
        for (const auto& k : out_.keys)
            if (k.mode == matching::set && k.key->least_memory() > out_.knock.memory)
                return fail("memory", "expected at least " + std::to_string(k.key->least_memory()) +
                                          ", the length of a sequence of [key." + k.name + "]");
        return {};
    }

    result<void> check_firewall(const std::vector<part>& parts) {
        if (const auto unfit = misfit_of(out_.firewall, out_.services)) {
            for (const auto& p : parts)
                for (const auto& section : p.sections)
                    if (section.name == unfit->section)
                        return config::complain(p.file, section, unfit->field, unfit->expected);
            return whole("[" + unfit->section + "] " + unfit->field + ": " + unfit->expected);
        }
        const auto fits = firewall::check(rules_of(out_), firewall::backend_named(out_.firewall.backend));
        return fits ? result<void>() : whole(fits.error().text);
    }

    const key_loader& load_key_;
    const part* part_ = nullptr;
    const tables* tables_ = nullptr;
    std::map<std::string, tables> tables_of_; ///< by folder
    server out_;
    const ini_section* knock_section_ = nullptr;
    std::vector<std::pair<const part*, const ini_section*>> keys_;
    std::map<std::string, std::size_t, std::less<>> services_;
    std::map<std::string, std::string> secrets_; ///< fingerprint -> name
};

} // namespace

result<server> parse_server(std::string_view text, const std::string& file, const key_loader& load_key,
                            const includer& include) {
    const auto parts = read_parts(text, file, include);
    if (!parts) return parts.error();
    return server_reader(load_key).read(parts->all);
}

firewall::rules rules_of(const server& c) {
    firewall::rules r{c.services, c.firewall.unauthorized, c.firewall.always_allow, c.also_for};
    r.sets_in = c.firewall.table;
    r.programs = c.firewall.programs;
    return r;
}

server_paths paths_of(std::string_view text, const std::string& file) {
    server out;
    const tables known(folder_of(file));
    std::string_view section;
    while (!text.empty()) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        line = trim(line.substr(0, line.find('#')));
        if (line.starts_with('[')) section = line;
        const auto equals = line.find('=');
        if (section != "[server]" || equals == line.npos) continue;
        for (const auto& field : known.server_section)
            if (field.name == trim(line.substr(0, equals)))
                (void)field.set(out, trim(line.substr(equals + 1)));
    }
    return {out.state, out.control, out.control_group, out.include};
}

} // namespace chronoknock::config

#include "app/asking.hpp"
#include "app/check_doubts.hpp"
#include "app/check_json.hpp"
#include "app/check_online.hpp"
#include "base/in_words.hpp"
#include "firewall/backend.hpp"
#include "io/confinement.hpp"
#include "io/firewall/protection.hpp"
#include "io/server_config.hpp"
#include "io/store/record_summary.hpp"
#include "io/system/account.hpp"
#include "io/system/privileges.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <iomanip>
#include <iostream>

namespace chronoknock::app {

namespace {

namespace json = boost::json;

using namespace std::chrono_literals;

usage check_usage() {
    usage u{
        "check --config FILE [OPTION...]",
        "Reads a server's configuration as `server` would and says what it means. Changes nothing.\n"
        "For a first start that cannot lock you out: `chronoknock server --config FILE --trial 10m`, and\n"
        "`chronoknock confirm` from a new connection."};
    u.options.add_options()                                                //
        ("config", text("FILE")->required(), "the server's configuration") //
        ("online", "ask the time servers, and read owners and modes, too") //
        ("json", "print JSON")                                             //
        ("as", text("USER"),
         "judge for a server that is this user from the start, as by User= of systemd") //
        ("allow-loose-permissions", "take key files that others can read or write");
    return u;
}

/// The texts of some values, joined.
template <class Values, class Text>
std::string joined(const Values& values, Text text) {
    std::string all;
    for (const auto& v : values) all += (all.empty() ? "" : ", ") + text(v);
    return all;
}

void line(std::string_view name, const std::string& what) {
    std::cout << std::left << std::setw(14) << name << (name.size() < 14 ? "" : " ") << what << "\n";
}

void print_firewall(const config::firewall_settings& f) {
    const bool keeps = f.on_stop == config::on_stop::keep;
    const auto& backend = firewall::backend_named(f.backend);
    if (backend.can.guard)
        return line("firewall", f.backend + ": new connections of strangers are " +
                                    (f.unauthorized == firewall::unauthorized::drop ? "dropped" : "reset") +
                                    "; after a clean stop the guard " +
                                    (keeps ? "stays in place" : "is removed"));
    if (backend.needs == firewall::needs::anything)
        return line("firewall", f.backend + ": nothing is done; the log says what would be");
    line("firewall", f.backend + ": your own firewall shuts the ports; after a clean stop what is open " +
                         (keeps && backend.can.expiry ? "ends in its time" : "is closed"));
    if (backend.needs == firewall::needs::programs)
        line("", "programs are killed after " + to_string(f.programs.time_limit) +
                     "; as the user who starts the server, with rights on the network alone");
}

/// as: who the server is from its start; empty: nobody has said.
void print_settings(const config::server& s, const std::string& as) {
    line("state", s.state);
    const auto user = as.empty() ? io::user_to_become(s) : as;
    line(as.empty() ? "becomes" : "is", user.empty() ? "no other user" : "the user " + user);
    line("control", s.control);
    if (!s.include.empty()) line("include", s.include);
    if (s.log.file.empty())
        line("capture", joined(s.interfaces, [](const auto& i) { return i; }));
    else
        line("capture", "none: the log " + s.log.file + " is read, " +
                            (s.log.pattern.empty() ? "netfilter's LOG format" : "by a pattern of its own"));
    line("guards for", "this host" + (s.also_for.empty() ? "" : ", " + joined(s.also_for, [](const auto& p) {
                                                                    return p.to_string();
                                                                })));
    if (s.time.servers.empty())
        line("time", "the system clock, trusted");
    else
        line("time", "from " + joined(s.time.servers, [](const auto& t) { return t.to_string(); }) +
                         ", every " + to_string(s.time.interval) + " at the least (" +
                         to_string(s.time.local_interval) + " in the own network)" +
                         (s.time.require_nts ? "; only authenticated servers count" : ""));
    if (!s.time.servers.empty())
        line("", std::string(s.time.require ? "no knock is accepted" : "the system clock is taken") +
                     " before the first synchronisation, nor while the error may be above " +
                     to_string(s.time.max_error));
    line("knock", s.knock.mode == config::matching::set
                      ? "set: all ports of a sequence among the last " + std::to_string(s.knock.memory) +
                            " SYNs of an address within " + to_string(s.knock.timeout)
                      : "strict: the ports of a sequence in order, nothing between, within " +
                            to_string(s.knock.timeout));
    line("", std::to_string(s.knock.tracked) + " addresses are remembered at once");
    print_firewall(s.firewall);
    if (!s.firewall.always_allow.empty())
        line("", "never locked out: " +
                     joined(s.firewall.always_allow, [](const auto& p) { return p.to_string(); }));
    const auto& m = s.metrics;
    if (!m.file.empty())
        line("metrics",
             "in the file " + m.file + ", which everybody can read, every " + to_string(m.interval));
    if (m.listen)
        line(m.file.empty() ? "metrics" : "",
             "to who asks at " + m.listen->to_string() +
                 (m.listen->path.empty() ? ", on this machine" : ", if he can reach its folder"));
}

void print_fleet(const config::fleet_settings& f) {
    if (!f.is_set()) return;
    line("fleet", f.name + ", of the fleet in the cluster " +
                      joined(f.endpoints, [](const auto& e) { return e.to_string(); }) + ", under " +
                      f.prefix);
    line("", std::string("while the cluster is lost, knocks of the fleet's keys ") +
                 (f.when_lost == config::on_loss::local ? "count on this host alone" : "are refused"));
}

void print_events(const config::event_settings& e) {
    if (e.command.empty()) return;
    const auto kind = [](config::event_kind k) {
        return std::string(k == config::event_kind::grant     ? "grants"
                           : k == config::event_kind::refusal ? "refused knocks"
                                                              : "loss and return of the time");
    };
    std::string command;
    for (const auto& word : e.command) command += (command.empty() ? "" : " ") + printable(word);
    line("events", command + ": on " + joined(e.on, kind));
    line("", "at most " + std::to_string(e.limit) + " times a minute for each of them, killed after " +
                 to_string(e.time_limit) + "; as the user who starts the server, without capabilities");
}

void print_services(const config::server& s) {
    for (std::size_t i = 0; i < s.services.size(); ++i) {
        const auto& service = s.services[i];
        std::string keys;
        for (const auto& k : s.keys)
            if (std::ranges::count(k.services, i)) keys += (keys.empty() ? "" : ", ") + k.name;
        std::cout << "\nservice " << service.name << "\n";
        line("  ports", joined(service.ports, [](const auto& p) { return p.to_string(); }));
        line("  open for",
             to_string(service.open_for) +
                 (service.max_open_for > service.open_for
                      ? ", up to " + to_string(service.max_open_for) + " where a knock asks for it"
                      : "") +
                 ", for " + (service.uses == 0 ? "any number of" : std::to_string(service.uses)) +
                 " new connections; " +
                 (service.until_idle ? "then until the last of them has ended" : "live ones outlast it"));
        line("  shut by", io::protection_of(s, service).by);
        line("  opened by", keys.empty() ? "no key" : keys);
    }
}

void print_key(const config::server& s, const config::key_settings& k, const newest_places& used) {
    std::cout << "\nkey " << k.name << "\n";
    line("  file", k.file);
    const auto print = k.key->shown_fingerprint();
    line("  fingerprint", print.empty() ? "none: what its secret is could be found by trying" : print);
    if (k.until) line("  good until", utc(to_seconds(*k.until)) + " UTC");
    line("  opens", joined(k.services, [&](auto i) { return s.services[i].name; }) +
                        (k.key->names_service() || k.services.size() == 1 ? "" : ", all at once"));
    for (const auto& [name, what] : method::method_of(*k.key).describe(k))
        line(name.empty() ? "" : "  " + name, what);
    if (const auto left = passwords_left(k, used))
        line("  left", std::to_string(*left) + " passwords, by the record in " + s.state);
    if (k.for_others) line("  opens for", "the address that a knock names, whoever sent it");
    if (k.max_grants != 0)
        line("  at most",
             std::to_string(k.max_grants) + (k.max_grants == 1 ? " grant at a time" : " grants at once"));
    if (k.prefix4 < 32 || k.prefix6 < 128)
        line("  opens to", "the network around an address: /" + std::to_string(k.prefix4) + " of IPv4, /" +
                               std::to_string(k.prefix6) + " of IPv6");
    if (k.pair)
        line("  pair", "a knock that names an address of the other family opens for that and for its source");
    if (k.fleet) line("  fleet", "its knocks count, and are used up, on all hosts of the fleet");
    if (k.knock_delay > 0s) line("  knock delay", to_string(k.knock_delay));
    std::cout << std::left << std::setw(14) << "  budget" << std::fixed << std::setprecision(1)
              << method::security_bits(k, s) << " bits against one packet of a stranger\n";
}

void tell_doubts(const std::vector<std::string>& doubts) {
    for (const auto& one : doubts) tell("warning: " + one);
}

void print(const online_findings& found) {
    std::cout << "\n";
    for (const auto& s : found.servers) {
        char heard[96];
        std::snprintf(heard, sizeof heard, "%+.6f s, give or take %.6f s", in_seconds(s.offset),
                      in_seconds(s.bound));
        line("time server",
             s.name + (s.sampled ? std::string(": ") + heard + (s.problem.empty() ? "" : "; " + s.problem)
                                 : ": no answer" + (s.problem.empty() ? "" : ": " + s.problem)));
    }
    if (!found.verdict.empty()) line("time now", found.verdict);
    for (const auto& [name, problem] : found.endpoints)
        line("fleet", name + (problem.empty() ? " answers" : ": " + problem));
    if (!found.state_to_come.empty())
        line("state folder", found.state_to_come + " is not there yet: the server makes it");
    tell_doubts(found.doubts);
}

} // namespace

int run_check(const arguments& args) {
    const auto options = parse_options(args, check_usage());
    // With the privileges that a server starts with, so that it says what the server would.
    if (const auto kept = io::keep_privileges_for_start(); !kept) return say(failed, kept.error().text);
    const auto server =
        io::load_server_config(*given(options, "config"), options.count("allow-loose-permissions") != 0, {},
                               io::without_keys::once_served);
    if (!server) return say(bad_usage, server.error().text);
    const auto as = given(options, "as");
    const auto who = as ? io::find_account(*as) : result<io::account>(error{});
    if (as && !who) return unfit("as", error{"expected a user who is there, found " + printable(*as)});
    if (const auto apart = io::keeps_record_apart(*server, *given(options, "config"), as.value_or(""));
        !apart)
        return say(bad_usage, apart.error().text);
    result<newest_places> recorded = newest_places();
    if (std::ranges::any_of(server->keys,
                            [](const auto& k) { return method::method_of(*k.key).left != nullptr; }))
        recorded = io::newest_places(server->state);
    const auto used = recorded ? *recorded : newest_places();
    const bool as_json = options.count("json") != 0;
    if (!as_json) {
        print_settings(*server, as ? who->name : "");
        print_fleet(server->fleet);
        print_events(server->events);
        print_services(*server);
        for (const auto& k : server->keys) print_key(*server, k, used);
    }
    auto doubts = doubts_on(*server, used);
    if (!recorded)
        doubts.push_back("the record cannot be read, so what is left of passwords is not known: " +
                         recorded.error().text);
    const auto becomes =
        as ? io::can_serve_apart(server->state, server->control, *who) : io::can_become_user(*server);
    const bool has_to = as || !server->user.empty();
    if (!becomes && !has_to) doubts.push_back(becomes.error().text + io::stays_who_it_is);
    if (!as_json) tell_doubts(doubts);
    std::optional<online_findings> online;
    if (options.count("online")) {
        online = check_online(*server, *given(options, "config"));
        if (!as_json) print(*online);
        doubts.insert(doubts.end(), online->doubts.begin(), online->doubts.end());
    }
    if (as_json) {
        auto o = describe(*server, used);
        o["warnings"] = json::value_from(doubts);
        if (online) o["online"] = to_json(*online);
        print_json(options, o);
    } else {
        std::cout << "\nfirst start    chronoknock server --config " << *given(options, "config")
                  << " --trial 10m: the guard goes away by itself\n"
                     "               unless `chronoknock confirm` comes\n";
    }
    if (!becomes && has_to) return say(failed, becomes.error().text);
    if (online && !online->obstacle.empty()) return say(failed, online->obstacle);
    return done;
}

} // namespace chronoknock::app

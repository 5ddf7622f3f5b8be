#include "app/check_online.hpp"
#include "app/options.hpp"
#include "io/server_config.hpp"
#include "io/store/record_summary.hpp"
#include "io/system/child.hpp"
#include "io/system/clock.hpp"
#include "io/system/privileges.hpp"
#include "method/method.hpp"
#include "timesync/settings.hpp"
#include "timesync/system_clock.hpp"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

// How far from each other two clocks may be that are kept by NTP over the Internet.
constexpr nanoseconds ntp_error = 100ms;
// RFC 4330, section 10: a client must not ask more often.
constexpr nanoseconds shortest_polite_interval = 15s;

usage check_usage() {
    usage u{
        "check --config FILE [OPTION...]",
        "Reads a server's configuration as `server` would and says what it means. Changes nothing.\n"
        "For a first start that cannot lock you out: `chronoknock server --config FILE --trial 10m`, and\n"
        "`chronoknock confirm` from a new connection."};
    u.options.add_options()                                                //
        ("config", text("FILE")->required(), "the server's configuration") //
        ("online", "ask the time servers, and read owners and modes, too") //
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

void print_settings(const config::server& s) {
    line("state", s.state);
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
    line("firewall", s.firewall.backend + ": new connections of strangers are " +
                         (s.firewall.unauthorized == firewall::unauthorized::drop ? "dropped" : "reset") +
                         "; after a clean stop the guard " +
                         (s.firewall.on_stop == config::on_stop::keep ? "stays in place" : "is removed"));
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
                 to_string(e.time_limit) + "; as the server's user, without capabilities");
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
                 " new connections; live ones outlast it");
        line("  opened by", keys.empty() ? "no key" : keys);
    }
}

/// How many of a key's numbered knocks are left, if that matters. used: io::newest_places.
std::optional<std::int64_t> left_of(const config::key_settings& k,
                                    const std::map<std::string, std::int64_t>& used) {
    const auto left = method::method_of(*k.key).left;
    if (!left) return {};
    const auto found = used.find(k.key->fingerprint());
    return left(k, found == used.end() ? std::nullopt : std::optional(found->second));
}

void print_key(const config::server& s, const config::key_settings& k,
               const std::map<std::string, std::int64_t>& used) {
    std::cout << "\nkey " << k.name << "\n";
    line("  file", k.file);
    const auto print = k.key->shown_fingerprint();
    line("  fingerprint", print.empty() ? "none: what its secret is could be found by trying" : print);
    if (k.until) line("  good until", utc(to_seconds(*k.until)) + " UTC");
    line("  opens", joined(k.services, [&](auto i) { return s.services[i].name; }) +
                        (k.key->names_service() || k.services.size() == 1 ? "" : ", all at once"));
    for (const auto& [name, what] : method::method_of(*k.key).describe(k))
        line(name.empty() ? "" : "  " + name, what);
    if (const auto left = left_of(k, used))
        line("  left", std::to_string(*left) + " passwords, by the record in " + s.state);
    if (k.for_others) line("  opens for", "the address that a knock names, whoever sent it");
    if (k.knock_delay > 0s) line("  knock delay", to_string(k.knock_delay));
    std::cout << std::left << std::setw(14) << "  budget" << std::fixed << std::setprecision(1)
              << method::security_bits(k, s) << " bits against one packet of a stranger\n";
}

/// Whoever answers for a pool's name has its votes.
void doubt_pools(const config::time_settings& t, const std::function<void(const std::string&)>& doubt) {
    const auto votes_of = [&](const config::time_server& s) -> std::size_t {
        return t.require_nts && !s.nts ? 0 : s.pool ? timesync::pool_size : 1;
    };
    std::size_t votes = 0;
    for (const auto& s : t.servers) votes += votes_of(s);
    for (const auto& s : t.servers)
        if (s.pool && votes_of(s) != 0 && 2 * votes_of(s) >= votes)
            doubt("[time] servers: " + s.to_string() + " has " + std::to_string(votes_of(s)) + " of " +
                  std::to_string(votes) +
                  " votes: whoever answers for that name can tell the server any time; name more others");
}

/// What is allowed and may still not be what the owner wants.
void print_doubts(const config::server& s, const std::map<std::string, std::int64_t>& used) {
    const auto doubt = [](const std::string& what) { tell("warning: " + what); };
    if (!s.time.servers.empty() && s.time.interval < shortest_polite_interval)
        doubt("[time] interval: public time servers refuse clients that ask more often than every " +
              to_string(shortest_polite_interval));
    doubt_pools(s.time, doubt);
    for (const auto& p : s.firewall.always_allow)
        if (p.length == 0) doubt("[firewall] always_allow: " + p.to_string() + " lets everybody in");
    if (s.keys.empty()) doubt("there is no section [key.NAME]: nobody gets in");
    for (std::size_t i = 0; i < s.services.size(); ++i)
        if (std::ranges::none_of(s.keys,
                                 [i](const auto& k) { return std::ranges::count(k.services, i) != 0; }))
            doubt("[service." + s.services[i].name + "] is opened by no key");

    if (!s.events.command.empty())
        for (const auto& one : io::doubts_on_program(s.events.command.front()))
            doubt("[events] command: " + one);
    if (s.log.format && !s.log.format->anchored())
        doubt("[capture] pattern: it does not begin with ^: what a stranger has written before may match");

    // A knock is made and judged by two clocks; the paper (section 5) asks for a granularity above their
    // errors and the time the SYNs take together.
    const auto trust = timesync::trust_system_clock(io::read_kernel_clock(), s.time.max_error);
    if (s.time.servers.empty() && !trust.warning.empty()) doubt("[time] servers: none, and " + trust.warning);
    const auto error = (s.time.servers.empty() ? trust.bound : ntp_error) + timesync::operators_word;
    for (const auto& k : s.keys) {
        const nanoseconds g = seconds(k.key->granularity());
        const auto name = "[key." + k.name + "] ";
        if (method::security_bits(k, s) < method::least_security_bits)
            doubt(name + "allow_weak: its budget is below " +
                  std::to_string(static_cast<int>(method::least_security_bits)) + " bits");
        if (const auto doubts = method::method_of(*k.key).doubts)
            for (const auto& one : doubts(k)) doubt(name + one);
        if (const auto left = left_of(k, used); left && *left < key::few_left)
            doubt(name + "only " + std::to_string(*left) +
                  " one-time passwords are left: issue new ones (chronoknock keygen --method otp)");
        if (k.until && io::system_now() >= *k.until)
            doubt(name + "until: it opens nothing any more, since " + utc(to_seconds(*k.until)) +
                  " UTC; chronoknock uninvite takes it out");
        if (k.key->never_changes()) {
            doubt(name + "allow_weak: whoever sees one of its knocks can repeat it for ever");
            continue;
        }
        if (g == 0s) continue;
        if (g < 2 * error)
            doubt(name + "granularity: " + to_string(g) +
                  " is not comfortably above the error of two clocks, up to " + to_string(error) + " here");
        else if (g < 2 * s.time.max_error)
            doubt(name + "granularity: " + to_string(g) + " is less than twice [time] max_error, " +
                  to_string(s.time.max_error) +
                  ": with a clock that uncertain, older knocks are accepted too");
        if (!k.key->heeds_address())
            doubt(name + "ignore = ip: whoever sees a knock first can use it from his own address");
    }
}

} // namespace

int run_check(const arguments& args) {
    const auto parsed = parse_options(args, check_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    // With the server's privileges, so that it says what the server would.
    if (const auto kept = io::keep_only_network_privileges(); !kept) return say(failed, kept.error().text);
    const auto server =
        io::load_server_config(*given(options, "config"), options.count("allow-loose-permissions") != 0, {},
                               io::without_keys::once_served);
    if (!server) return say(bad_usage, server.error().text);
    print_settings(*server);
    print_events(server->events);
    print_services(*server);
    std::map<std::string, std::int64_t> used;
    if (std::ranges::any_of(server->keys,
                            [](const auto& k) { return method::method_of(*k.key).left != nullptr; }))
        used = io::newest_places(server->state);
    for (const auto& k : server->keys) print_key(*server, k, used);
    print_doubts(*server, used);
    const bool serves = !options.count("online") || check_online(*server, *given(options, "config"));
    std::cout << "\nfirst start    chronoknock server --config " << *given(options, "config")
              << " --trial 10m: the guard goes away by itself\n"
                 "               unless `chronoknock confirm` comes\n";
    return serves ? done : failed;
}

} // namespace chronoknock::app

#include "app/request.hpp"
#include "client/reach.hpp"
#include "client/target.hpp"
#include "client/window.hpp"
#include "config/profile.hpp"
#include "io/client/dialogue.hpp"
#include "io/client/knocker.hpp"
#include "io/client/profiles.hpp"
#include "io/client/window_memory.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"
#include "io/system/random.hpp"
#include "io/system/terminal.hpp"
#include "io/time/timesync.hpp"
#include "method/method.hpp"
#include "timesync/system_clock.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <thread>

namespace chronoknock::app {

namespace {

constexpr std::string_view default_time_server = "pool.ntp.org";

usage knock_usage() {
    usage u{"knock TARGET [SERVICE] [OPTION...]",
            "Knocks on a server's door. TARGET is a host with --key FILE, or else a profile of the client's\n"
            "own configuration. SERVICE is the one service asked for, instead of all that the key may open; "
            "of an\n"
            "fwknop key the ports, as in tcp/22,udp/53."};
    u.options.add_options()                                                               //
        ("key", text("FILE"), "key file; TARGET is a host")                               //
        ("config", text("FILE"), "file with profiles (~/.config/chronoknock/client.ini)") //
        ("time-server", po::value<std::vector<std::string>>()->value_name("HOST"),
         "HOST[:PORT] or nts://HOST[:PORT], may be repeated (pool.ntp.org); none: the system clock") //
        ("nts-ca", text("FILE"), "file of the authorities for nts:// servers (the system's)")        //
        ("require-nts", "let only authenticated time servers count")                                 //
        ("source", text("IP"), "address that the server sees (as the route says)")                   //
        ("ipv4,4", "knock on the target's IPv4 address")                                             //
        ("ipv6,6", "knock on the target's IPv6 address")                                             //
        ("rounds", text("N"), "send so many rounds (2, and up to 5 while ports do not answer)")      //
        ("gap", text("MS"), "milliseconds between SYNs (0)")                                         //
        ("at", text("UNIX_TIME"),
         "knock for this moment, in seconds since 1970, whatever has been used;\n"
         "of a one-time key send this number, and the next time the one after it")                        //
        ("no-wait", "fail when this window's sequence has been used, instead of waiting for the next")    //
        ("resolver", text("HOST"), "send the carrier dns's question to this resolver, not to the target") //
        ("wait", text("PORT"), "try to connect to this TCP port until it opens, say how long it took")    //
        ("wait-limit", text("SECONDS"), "how long to try (10s)")                                          //
        ("allow-loose-permissions", "take a key file that others can read or write");
    add_request_options(u.options);
    for (const auto& m : method::methods())
        if (const auto& o = m.without_file) u.options.add_options()(o->name, text(o->value), o->help);
    u.hidden.add_options()("target", text("TARGET"))("service", text("SERVICE"));
    u.positional.add("target", 1).add("service", 1);
    return u;
}

std::string in_words(nanoseconds d) {
    std::ostringstream text;
    const auto ms = std::chrono::duration<double, std::milli>(d).count();
    if (ms < 1000)
        text << std::setprecision(3) << ms << " ms";
    else
        text << std::fixed << std::setprecision(1) << ms / 1000 << " s";
    return text.str();
}

config::profile find_profile(const po::variables_map& options, const std::string& name) {
    const auto path = io::profiles_path(given(options, "config"));
    auto profiles = io::load_profiles(path);
    if (!profiles) {
        const bool unreadable = !io::read_file(path);
        throw stop{say(bad_usage,
                       profiles.error().text + (unreadable ? "; with --key FILE the target is a host" : ""))};
    }
    const auto target = client::parse_host_target(name); // USER@NAME is a profile's name, or has one
    for (const auto& one : {name, target ? *target : name})
        for (auto& p : *profiles)
            if (p.name == one) return std::move(p);
    if (!target) throw stop{say(bad_usage, "TARGET: " + target.error().text)};
    throw stop{say(bad_usage,
                   path + ": no [profile." + printable(name) + "]; with --key FILE the target is a host")};
}

/// The option that is given in place of a key file, if one is.
const method::row::by_option* instead_of_file(const po::variables_map& options) {
    for (const auto& m : method::methods())
        if (m.without_file && options.count(m.without_file->name)) return &*m.without_file;
    return nullptr;
}

/// What to do, from the profile and the options, which come before it.
config::profile read_order(const po::variables_map& options) {
    const auto target = given(options, "target");
    if (!target)
        throw stop{say(bad_usage, "expected a target; usage: chronoknock " + knock_usage().synopsis)};
    config::profile p;
    const auto set = [&p](std::string_view field, std::string_view option, const std::string& text) {
        if (const auto fits = set_profile_field(p, field, text); !fits)
            throw stop{unfit(option, fits.error())};
    };
    if (const auto key = given(options, "key"); key || instead_of_file(options)) {
        if (key) set("key", "key", *key);
        const auto host = client::parse_host_target(*target);
        const auto fits = host ? set_profile_field(p, "host", *host) : result<void>(host.error());
        if (!fits) throw stop{say(bad_usage, "TARGET: " + fits.error().text)};
    } else {
        p = find_profile(options, *target);
    }
    // The option's name, the field's, and the unit that the option leaves out.
    static constexpr std::array<std::array<const char*, 3>, 5> same = {{{"nts-ca", "nts_ca", ""},
                                                                        {"source", "source", ""},
                                                                        {"rounds", "rounds", ""},
                                                                        {"gap", "gap", "ms"},
                                                                        {"wait-limit", "wait_limit", ""}}};
    for (const auto& [option, field, unit] : same)
        if (const auto text = given(options, option)) set(field, option, *text + unit);
    if (const auto wait = given(options, "wait")) {
        const auto port = client::parse_port(*wait, io::port_of_service);
        if (!port) throw stop{unfit("wait", port.error())};
        p.wait = *port;
    }
    if (const auto service = given(options, "service"))
        if (const auto fits = set_profile_field(p, "service", *service); !fits)
            throw stop{say(bad_usage, "SERVICE: " + fits.error().text)};
    if (options.count("time-server")) {
        std::string all;
        for (const auto& one : options["time-server"].as<std::vector<std::string>>())
            all += (all.empty() ? "" : ",") + one;
        set("time_servers", "time-server", all);
    }
    if (options.count("require-nts")) p.require_nts = true;
    if (options.count("allow-loose-permissions")) p.allow_loose_permissions = true;
    return p;
}

/// The server's address and ours, of one family.
struct way {
    io::destination to;
    address source;
};

way find_way(const po::variables_map& options, const config::profile& p) {
    const auto found = io::resolve(p.host);
    if (!found) throw stop{say(failed, found.error().text)};
    const bool v4 = options.count("ipv4") || (p.source && p.source->is_v4());
    const bool v6 = options.count("ipv6") || (p.source && !p.source->is_v4());
    std::string obstacle = p.host + ": no address of the wanted family";
    for (const auto& to : *found) {
        if (to.ip.is_v4() ? v6 : v4) continue;
        if (p.source) return {to, *p.source};
        const auto source = io::source_towards(to);
        if (source) return {to, *source};
        obstacle = source.error().text;
    }
    throw stop{say(failed, obstacle)};
}

io::time_fix find_time(const config::profile& p) {
    auto servers = p.time_servers;
    if (!servers) servers = {config::time_server::parse(default_time_server).value()};
    if (servers->empty()) return {{io::system_now(), timesync::operators_word}, io::boot_now()};
    io::query_options how;
    how.ca_file = p.nts_ca;
    how.require_nts = p.require_nts;
    const auto fix = io::query_time(*servers, how);
    if (!fix) throw stop{say(failed, fix.error().text + "; --time-server none takes the system clock")};
    return *fix;
}

/// The number of a one-time key that a knock uses, noted as used before the knock is sent.
struct taken_number {
    std::int64_t number = 0;
    std::optional<std::int64_t> before; ///< the one that was noted until then
    io::window_owner owner;
    std::optional<io::window_memory> memory; ///< none: nothing is noted

    /// Nothing was sent: the next knock takes it.
    void give_back() {
        if (!memory) return;
        if (const auto done = memory->release(owner, number, before); !done) tell(done.error().text);
    }
};

/// The next number, or the one that is wanted. A wanted one that is further ahead than the server looks would
/// open nothing, and whoever hears a password can make those before it.
taken_number take_number(std::optional<std::int64_t> wanted, const key::credential& k,
                         const io::window_owner& owner) {
    taken_number taken{wanted.value_or(0), {}, owner, {}};
    const auto path = io::window_memory_path();
    auto memory = path ? io::window_memory::open(*path) : path.error();
    if (!memory) {
        if (!wanted) throw stop{say(failed, memory.error().text)};
        tell(memory.error().text + "; going on without");
        return taken;
    }
    std::string too_far;
    const auto turn = memory->claim(owner, [&](std::optional<std::int64_t> last) -> result<client::turn> {
        taken.before = last;
        if (!wanted) return client::turn{k.number_after(last), {}};
        if (!last || k.numbers_between(*last, *wanted) <= k.most_ahead()) return client::turn{*wanted, {}};
        too_far = "expected at most " + std::to_string(k.most_ahead()) + " knocks beyond number " +
                  std::to_string(*last) + ", which was sent last: the server looks no further";
        return error{too_far};
    });
    if (!too_far.empty()) throw stop{unfit("at", error{too_far})};
    if (!turn) throw stop{say(failed, turn.error().text)};
    taken.number = turn->t0;
    taken.memory = std::move(*memory);
    return taken;
}

/// The window to knock for, once its time has come.
std::int64_t take_turn(const po::variables_map& options, const config::profile& p, const key::credential& k,
                       const way& w) {
    if (k.never_changes()) return 0;
    const auto fix = find_time(p);
    const nanoseconds g = seconds(k.granularity());
    if (fix.time.error > g / 2)
        tell("the clock may be off by " + in_words(fix.time.error) +
             ", more than half of the key's granularity: the server may refuse the knock");

    if (k.always_fresh()) { // what its clock is certain to have reached, if it is good for anything
        const auto now = fix.time.t + (io::boot_now() - fix.at);
        return to_seconds(now - std::min(fix.time.error, g / 2));
    }

    const auto choose = [&](std::optional<std::int64_t> last) -> client::turn {
        auto now = fix.time;
        now.t += io::boot_now() - fix.at;
        return client::choose_window(k.granularity(), now, last);
    };
    const auto path = io::window_memory_path();
    auto memory = path ? io::window_memory::open(*path) : path.error();
    if (!memory) {
        tell(memory.error().text + "; going on without");
        return choose({}).t0;
    }
    const auto owner = io::owner_of(k, w.to.ip, p.service, w.source);
    for (;;) {
        const auto turn = memory->claim(owner, choose);
        if (!turn) {
            tell(turn.error().text + "; going on without");
            return choose({}).t0;
        }
        if (turn->wait == nanoseconds(0)) return turn->t0;
        const auto why =
            "the sequence of this window has been used; the next begins in " + in_words(turn->wait);
        if (options.count("no-wait")) throw stop{say(failed, why)};
        tell(why + ", waiting");
        std::this_thread::sleep_for(turn->wait);
    }
}

/// What was sent, in the words of the report.
std::string packets_of(const std::vector<client::shot>& shots, std::uint32_t number) {
    const auto is_syn = [](const client::shot& s) { return s.kind == packet::kind::syn; };
    return std::string(std::ranges::all_of(shots, is_syn) ? "SYN" : "packet") + (number == 1 ? "" : "s");
}

/// The key of a file, or of an option that takes its place.
key::credential_ptr find_key(const po::variables_map& options, const config::profile& p) {
    const auto* const option = instead_of_file(options);
    if (!option) {
        auto k = io::load_key_file(p.key, p.allow_loose_permissions);
        if (!k) throw stop{say(bad_usage, k.error().text)};
        if (!(*k)->can_knock()) throw stop{say(bad_usage, server_has_it(p.key))};
        return std::move(*k);
    }
    const std::string name = option->name;
    if (!p.key.empty()) throw stop{say(bad_usage, "--key: expected none beside --" + name)};
    auto text = *given(options, option->name);
    if (text == "-") {
        auto typed = io::read_unseen(name + ": ");
        if (!typed) throw stop{say(failed, typed.error().text)};
        text = std::move(*typed);
    }
    auto k = option->read(text);
    if (!k) throw stop{unfit(name, k.error())};
    return std::move(*k);
}

/// The resolver that is to carry the knock, if one is.
std::optional<io::destination> find_resolver(const po::variables_map& options, const key::credential& k,
                                             const method::knock_request& r) {
    const auto host = given(options, "resolver");
    if (!host) return {};
    const auto known = k.carriers();
    if (known.empty() || r.carrier.value_or(known.front()) != key::carrier::dns)
        throw stop{unfit("resolver", {"expected none: the knock does not travel as a question of the DNS"})};
    const auto found = io::resolve(*host);
    if (!found) throw stop{say(failed, "--resolver: " + found.error().text)};
    return found->front();
}

int knock(const po::variables_map& options) {
    const auto at = number_option(options, "at", 0, std::numeric_limits<std::int64_t>::max(), -1);
    if (!at) return unfit("at", at.error());
    const auto p = read_order(options);
    const auto k = find_key(options, p);
    if (const auto fits = client::check_service(p.service, *k); !fits)
        return say(bad_usage, "SERVICE: " + fits.error().text);

    method::knock_request request;
    request.service = p.service;
    read_request(options, *k, request);
    const auto random = io::random_secret(32);
    if (!random) return say(failed, random.error().text);
    request.random = *random;
    const auto resolver = find_resolver(options, *k, request);

    const auto w = find_way(options, p);
    if (!p.source && !request.beneficiary && k->heeds_address() && client::is_translated(w.source, w.to.ip))
        tell("knocking for " + w.source.to_string() +
             ", which a router will replace; --source IP says what the server sees");
    request.source = w.source;
    const auto wanted = options.count("at") ? std::optional(*at) : std::nullopt;
    taken_number taken;
    if (k->numbered()) taken = take_number(wanted, *k, io::owner_of(*k, w.to.ip, p.service, w.source));
    request.at = k->numbered() ? taken.number : wanted ? *wanted : take_turn(options, p, *k, w);

    if (const auto left = k->numbers_left(request.at); left && *left >= 0 && *left < key::few_left)
        tell(std::to_string(*left) + " one-time passwords are left: make a new key before they are used up");

    io::knock_order order;
    order.to = w.to;
    order.via = resolver;
    if (io::is_local(w.source)) order.bind = w.source;
    auto plan = method::method_of(*k).plan(*k, request);
    if (!plan) {
        taken.give_back();
        return say(failed, plan.error().text);
    }
    order.shots = std::move(plan->shots);
    order.pace.gap = p.gap;
    if (p.rounds != 0) order.pace.least = order.pace.most = p.rounds;
    order.wait_port = p.wait;
    order.wait_limit = p.wait_limit;
    const auto respond = method::method_of(*k).respond;
    std::uint32_t sent = 0;
    const auto report =
        respond ? io::send_dialogue(order, [&](auto answer) { return respond(*k, request, answer); })
                : io::send_knock(order, &sent);
    if (!report) {
        if (sent == 0) taken.give_back();
        return say(failed, report.error().text);
    }

    std::cout << "knocked on " << w.to.ip.to_string()
              << (resolver ? " through " + resolver->ip.to_string() : " from " + w.source.to_string()) << ": "
              << report->syns << " " << packets_of(order.shots, report->syns) << " in " << report->rounds
              << (report->rounds == 1 ? " round\n" : " rounds\n");
    if (p.wait == 0) return done;
    if (!report->opened_after)
        return say(failed,
                   "port " + std::to_string(p.wait) + " did not open within " + to_string(p.wait_limit));
    std::cout << "port " << p.wait << " open " << in_words(*report->opened_after) << " after the last SYN\n";
    return done;
}

} // namespace

int run_knock(const arguments& args) {
    const auto parsed = parse_options(args, knock_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    try {
        return knock(std::get<po::variables_map>(parsed));
    } catch (const stop& s) {
        return s.status;
    }
}

} // namespace chronoknock::app

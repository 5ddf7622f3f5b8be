#include "app/order.hpp"

#include "client/target.hpp"
#include "client/window.hpp"
#include "io/client/knocker.hpp"
#include "io/client/profiles.hpp"
#include "io/system/files.hpp"
#include "io/system/terminal.hpp"

#include <array>
#include <limits>
#include <utility>

namespace chronoknock::app {

namespace {

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

/// The values of an option that may be repeated, as a field has them.
std::string joined(const po::variables_map& options, const std::string& name) {
    std::string all;
    for (const auto& one : options[name].as<std::vector<std::string>>())
        all += (all.empty() ? "" : ",") + one;
    return all;
}

} // namespace

config::profile read_profile(const po::variables_map& options, const usage& u) {
    const auto target = given(options, "target");
    if (!target) throw stop{say(bad_usage, "expected a target; usage: chronoknock " + u.synopsis)};
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
    if (options.count("time-server")) set("time_servers", "time-server", joined(options, "time-server"));
    if (options.count("stun")) set("stun", "stun", joined(options, "stun"));
    if (options.count("require-nts")) p.require_nts = true;
    if (options.count("allow-loose-permissions")) p.allow_loose_permissions = true;
    return p;
}

result<key::credential_ptr> read_key(const po::variables_map& options, const config::profile& p) {
    const auto* const option = instead_of_file(options);
    if (!option) {
        auto k = io::load_key_file(p.key, p.allow_loose_permissions);
        if (k && !(*k)->can_knock()) return error{server_has_it(p.key)};
        return k;
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

namespace {

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

} // namespace

namespace {

std::optional<order::pair_wish> read_pair(const po::variables_map& options, const order& o) {
    const auto text = given(options, "pair");
    if (!text) return {};
    if (!method::method_of(*o.key).carries.beneficiary)
        throw stop{unfit("pair", {"expected none: knocks of the method " + std::string(o.key->method()) +
                                  " name no address"})};
    if (o.request.beneficiary) throw stop{unfit("pair", {"expected none beside --for"})};
    const auto carriers = o.key->carriers();
    if (!carriers.empty() && o.request.carrier.value_or(carriers.front()) == key::carrier::dns)
        throw stop{unfit("pair", {"expected none: of a question of the DNS the source may be a resolver's"})};
    if (*text == "auto") return order::pair_wish{};
    const auto named = address::parse(*text);
    if (!named) throw stop{unfit("pair", {"expected auto, or an address: " + named.error().text})};
    return order::pair_wish{*named};
}

} // namespace

void add_order_options(po::options_description& options) {
    options.add_options()                                                                 //
        ("key", text("FILE"), "key file; TARGET is a host")                               //
        ("config", text("FILE"), "file with profiles (~/.config/chronoknock/client.ini)") //
        ("time-server", po::value<std::vector<std::string>>()->value_name("HOST"),
         "HOST[:PORT] or nts://HOST[:PORT], may be repeated (pool.ntp.org); none: the system clock") //
        ("nts-ca", text("FILE"), "file of the authorities for nts:// servers (the system's)")        //
        ("require-nts", "let only authenticated time servers count")                                 //
        ("source", text("IP"), "address that the server sees (as STUN or the route says)")           //
        ("stun", po::value<std::vector<std::string>>()->value_name("HOST"),
         "HOST[:PORT] of a STUN server, asked for that address where a router\n"
         "replaces it; may be repeated, and all must agree; none: no server") //
        ("pair", text("IP|auto"),
         "open for an address of each family: for the one that the knock comes from, and for\n"
         "this one of the other family (auto: the own one), if the key's section says pair")              //
        ("ipv4,4", "the target's IPv4 address alone (every family that it has)")                          //
        ("ipv6,6", "its IPv6 address alone")                                                              //
        ("rounds", text("N"), "send so many rounds (2, and up to 5 while ports do not answer)")           //
        ("gap", text("MS"), "milliseconds between SYNs (0)")                                              //
        ("no-wait", "fail when this window's sequence has been used, instead of waiting for the next")    //
        ("resolver", text("HOST"), "send the carrier dns's question to this resolver, not to the target") //
        ("wait-limit", text("SECONDS"),
         "how long to try a door after the first knock (the key's granularity and 5 s)") //
        ("allow-loose-permissions", "take a key file that others can read or write")     //
        ("quiet,q", "tell of failures alone")                                            //
        ("verbose,v", "tell each step");
    for (const auto& m : method::methods())
        if (const auto& o = m.without_file) options.add_options()(o->name, text(o->value), o->help);
}

order make_order(const po::variables_map& options, config::profile profile, key::credential_ptr key) {
    order o;
    const auto at = number_option(options, "at", 0, std::numeric_limits<std::int64_t>::max(), -1);
    if (!at) throw stop{unfit("at", at.error())};
    if (options.count("at")) o.at = *at;
    o.profile = std::move(profile);
    o.no_wait = options.count("no-wait") != 0;
    o.quiet = options.count("quiet") != 0;
    o.verbose = options.count("verbose") != 0;
    const auto& source = o.profile.source;
    const bool one_family = options.count("ipv4") != options.count("ipv6");
    o.v4 = !(one_family && options.count("ipv6")) && (!source || source->is_v4());
    o.v6 = !(one_family && options.count("ipv4")) && (!source || !source->is_v4());
    if (!key) return o;
    o.key = std::move(key);
    if (const auto fits = client::check_service(o.profile.service, *o.key); !fits)
        throw stop{say(bad_usage, "SERVICE: " + fits.error().text)};
    o.request.service = o.profile.service;
    read_request(options, *o.key, o.request);
    o.resolver = find_resolver(options, *o.key, o.request);
    o.pair = read_pair(options, o);
    if (o.profile.wait_limit == nanoseconds(0))
        o.profile.wait_limit = client::usual_wait(o.key->granularity());
    return o;
}

order read_order(const po::variables_map& options, const usage& u) {
    auto profile = read_profile(options, u);
    auto key = read_key(options, profile);
    if (!key) throw stop{say(bad_usage, key.error().text)};
    return make_order(options, std::move(profile), std::move(*key));
}

} // namespace chronoknock::app

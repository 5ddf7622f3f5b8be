#include "app/options.hpp"
#include "firewall/backend.hpp"
#include "io/firewall/backend.hpp"
#include "io/firewall/last_guard.hpp"
#include "io/log/log.hpp"
#include "io/server_config.hpp"
#include "io/system/daemon_lock.hpp"
#include "io/system/files.hpp"
#include "io/system/privileges.hpp"

namespace chronoknock::app {

namespace {

usage guard_usage() {
    usage u{
        "guard --config FILE [OPTION...]",
        "Sets the guard up and ends: for the boot, before there is a network, and before each start of the\n"
        "server. If the configuration is broken, a guard that is there stays as it is, and where there is "
        "none\n"
        "the last good one is set up. Grants and connections go on. Beside a running server it does "
        "nothing."};
    u.options.add_options()                                                //
        ("config", text("FILE")->required(), "the server's configuration") //
        ("last", text("FILE"), "the last good guard (guard.nft beside the server's state)")(
            "allow-loose-permissions", "take key files that others can read or write");
    return u;
}

result<void> guard_by(const config::server& c) {
    const auto& name = c.firewall.backend;
    if (!firewall::backend_named(name).can.guard) {
        tell("the backend " + name + " sets up no guard of its own: another firewall shuts the ports");
        return {};
    }
    boost::asio::io_context context(1);
    const auto backend = io::open_backend(c.firewall.backend, context);
    if (!backend) return backend.error();
    const auto rules = io::firewall_rules(c);
    if (const auto done = (*backend)->prepare_now(rules); !done) return done;
    context.poll(); // grants that had to be put back
    if (const auto kept = io::keep_last_guard(c.state, rules); !kept)
        tell("warning: the guard cannot be kept for the next boot: " + kept.error().text);
    return {};
}

/// Where the last good guard may be: the configuration says, and in what is wrong with it that may be its
/// state.
std::vector<std::string> places(const po::variables_map& options) {
    if (const auto last = given(options, "last")) return {*last};
    const auto file = *given(options, "config");
    const auto text = io::read_file(file);
    const auto by_default = io::last_guard_path(config::server().state);
    const auto named = io::last_guard_path(config::paths_of(text ? *text : "", file).state);
    return named == by_default ? std::vector{named} : std::vector{named, by_default};
}

} // namespace

int run_guard(const arguments& args) {
    const auto options = parse_options(args, guard_usage());
    io::log::start(io::log::level::warning);
    if (const auto kept = io::keep_only_network_privileges(); !kept) return say(failed, kept.error().text);

    // Whoever is root here can hold the lock, in a container without rights too: the guard itself must be
    // seen.
    if (const auto server = io::daemon_lock::holder(); server && io::guard_stands())
        return say(done, "a server is running" + (*server > 0 ? ", process " + std::to_string(*server) : "") +
                             ": it sees to the guard");
    const auto configuration =
        io::load_server_config(*given(options, "config"), options.count("allow-loose-permissions") != 0, {},
                               io::without_keys::once_served);
    const auto set_up = configuration ? guard_by(*configuration) : result<void>(configuration.error());
    if (set_up) return done;
    const auto& why = set_up.error().text;
    if (io::guard_stands()) return say(done, why + ": the guard that is there stays as it is");
    std::string tried;
    for (const auto& place : places(options)) {
        const auto loaded = io::load_last_guard(place);
        if (loaded) return say(done, why + ": the last good guard is set up, of " + place);
        tried += "; " + loaded.error().text;
    }
    return say(failed, why + tried + ": NO GUARD IS UP");
}

} // namespace chronoknock::app

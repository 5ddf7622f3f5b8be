#include "app/options.hpp"
#include "app/signals.hpp"
#include "io/config_texts.hpp"
#include "io/helper/helper_process.hpp"
#include "io/log/log.hpp"
#include "io/runtime.hpp"
#include "io/server_config.hpp"
#include "io/system/account.hpp"
#include "io/system/files.hpp"
#include "io/system/groups.hpp"
#include "io/system/internet_socket.hpp"
#include "io/system/privileges.hpp"
#include "io/system/run_loop.hpp"
#include "io/system/service_manager.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <unistd.h>

namespace chronoknock::app {

namespace {

usage server_usage() {
    usage u{"server --config FILE [OPTION...]",
            "Runs the daemon in the foreground. SIGTERM and SIGINT stop it, SIGHUP (or `chronoknock\n"
            "reload`) makes it read the configuration again; a broken one changes nothing. Started by\n"
            "root it becomes [server] user and keeps CAP_NET_ADMIN; a helper does what needs more, which it\n"
            "forks, unless there is one apart (--helper): then it need never be root."};
    u.options.add_options()                                                //
        ("config", text("FILE")->required(), "the server's configuration") //
        ("helper", text("PATH"),
         "have the helper that systemd starts for who connects there, and start none") //
        ("trial", text("TIME"),
         "let go of the guard after so long, unless `chronoknock confirm` comes: 10m") //
        ("allow-loose-permissions", "take key files that others can read or write");
    return u;
}

using namespace std::chrono_literals;
constexpr nanoseconds shortest_trial = 5s;
constexpr nanoseconds longest_trial = 24h;

// Of a unit of systemd whose ExecStart= is of an earlier version.
constexpr const char* without_helper =
    "; systemd has started the server as a user, who reads no file of root's: "
    "ExecStart= needs --helper /run/chronoknock-helper.sock";

} // namespace

int run_server(const arguments& args) {
    boost::asio::io_context context(1);
    boost::asio::signal_set signals(context, SIGTERM, SIGINT, SIGHUP);
    let_signals_come();
    const auto options = parse_options(args, server_usage());
    io::service_manager manager(context);
    manager.read_environment();
    const bool lacks_helper = ::geteuid() != 0 && manager.is_there() && options.count("helper") == 0;
    std::optional<nanoseconds> trial;
    if (const auto lasts = given(options, "trial")) {
        const auto t = parse_duration(*lasts, shortest_trial, longest_trial);
        if (!t) return unfit("trial", t.error());
        trial = *t;
    }
    const auto file = *given(options, "config");
    const auto text = io::read_file(file);
    const auto paths = config::paths_of(text ? *text : "", file);
    // The one difference between a server of the unit and one that is started by hand.
    const auto apart = given(options, "helper");
    if (apart && options.count("allow-loose-permissions") != 0)
        return unfit(
            "allow-loose-permissions",
            error{"it is the helper who reads the keys: expected it in chronoknock-helper@.service"});
    auto found =
        apart ? io::helper_process::connect(*apart)
              : io::helper_process::start({file, options.count("allow-loose-permissions") != 0, paths.state});
    if (!found) return say(failed, found.error().text);
    const auto helper = std::make_shared<const io::helper_process>(std::move(*found));
    io::open_internet_sockets_by(
        [helper](int family, int type, int protocol) { return helper->open_socket(family, type, protocol); });
    const auto load = [file, helper]() -> result<config::server> {
        const auto texts = helper->read_configuration();
        if (!texts) return texts.error();
        return io::load_server_config(file, *texts, io::without_keys::once_served);
    };
    // Without privileges the control socket can be given to no group that we are not in.
    if (!paths.control_group.empty()) io::join_group(paths.control_group);
    if (const auto kept = io::keep_privileges_for_start(); !kept) return say(failed, kept.error().text);
    auto configuration = load();
    if (!configuration)
        return say(bad_usage, configuration.error().text + (lacks_helper ? without_helper : ""));
    if (const auto there = io::find_user(*configuration); !there)
        return say(bad_usage, file + ": " + there.error().text);
    if (const auto kept = io::keeps_record_apart(*configuration, file, apart ? io::own_name() : ""); !kept)
        return say(bad_usage, kept.error().text);
    if (apart)
        if (const auto reached = io::reaches_record(configuration->state); !reached)
            return say(bad_usage, file + ": " + reached.error().text);
    io::log::start();
    if (const auto heard = manager.connect(); !heard) io::log::warning(heard.error().text);

    io::runtime runtime(context, std::move(*configuration));
    runtime.reads_by(load);
    runtime.confined_by(
        [helper](const config::server& c, bool has_control) { return io::confine(c, *helper, has_control); });
    int status = done;
    runtime.helped_by(helper, [&] {
        // Whoever started the server starts both again; the guard stays.
        io::log::error("the helper has ended: so does the server");
        status = failed;
        context.stop();
    });
    if (trial) runtime.on_trial(*trial, [&context] { context.stop(); });
    if (const auto started = runtime.start(); !started) return say(failed, started.error().text);
    // Also where it takes no knocks yet, and tries again: the guard stands, and the network may come.
    manager.ready();

    std::function<void()> listen = [&] {
        signals.async_wait([&](boost::system::error_code failed_to_wait, int signal) {
            if (failed_to_wait) return;
            listen();
            if (signal != SIGHUP) {
                io::log::info("stopping");
                manager.stopping();
                return runtime.stop([&context] { context.stop(); });
            }
            runtime.reload([](const io::runtime::changes& reloaded) {
                if (!reloaded) io::log::error("the configuration stays as it was: " + reloaded.error().text);
            });
        });
    };
    listen();
    io::run_loop(context, io::log::error);
    return status;
}

} // namespace chronoknock::app

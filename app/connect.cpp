#include "app/entry.hpp"
#include "app/verdict.hpp"
#include "client/target.hpp"
#include "io/client/door_tries.hpp"
#include "io/client/profiles.hpp"
#include "io/client/relay.hpp"

#include <condition_variable>
#include <fcntl.h>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

usage connect_usage() {
    usage u{
        "connect TARGET PORT [OPTION...]",
        "Connects standard input and output to a TCP port of a server: tries the door first, knocks if it\n"
        "is shut, on every address family that the server has, and is the connection then. TARGET is a\n"
        "host with --key FILE, or else a profile of the client's own configuration. In ~/.ssh/config:\n"
        "ProxyCommand chronoknock connect --key ~/laptop.key %h %p"};
    add_order_options(u.options);
    u.options.add_options() //
        ("fdpass", "hand the connection over to the program at standard output, and end\n"
                   "(ssh_config(5), ProxyUseFdpass)") //
        ("service", text("NAME"), "ask for this one service, instead of all that the key may open");
    add_request_options(u.options, true);
    u.hidden.add_options()("target", text("TARGET"))("port", text("PORT"));
    u.positional.add("target", 1).add("port", 1);
    return u;
}

/// The round trip, and what a knock opened.
void remember(const order& o, const entry& e) {
    remember_round_trip(e.connection);
    if (!e.knocks.empty()) remember_opening(o);
}

/// Remembers these a while after the connection stood, when whoever waits
/// for it has it, or at its end.
class late_note {
public:
    late_note(const order& o, const entry& e)
        : thread_([&o, &e](std::stop_token stop) {
              std::mutex mutex;
              std::unique_lock lock(mutex);
              std::condition_variable_any ended;
              ended.wait_for(lock, stop, 1s, [] { return false; });
              remember(o, e);
          }) {}

private:
    std::jthread thread_;
};

int connect(const po::variables_map& options, const usage& u) {
    const auto text_of_port = given(options, "port");
    if (!text_of_port)
        return say(bad_usage, "expected a target and a port; usage: chronoknock " + u.synopsis);
    const auto port = client::parse_port(*text_of_port, io::port_of_service);
    if (!port) return say(bad_usage, "PORT: " + port.error().text);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO})
        if (::fcntl(fd, F_GETFD) < 0) return say(failed, "expected standard input and output to be open");
    const auto o = read_order(options, u);
    const auto e = enter(o, *port);
    if (!e.connection) return say(not_opened, stayed_shut(o, e.knocks, *port));
    io::make_usable(e.connection);
    if (options.count("fdpass")) {
        const auto passed = io::pass_descriptor(STDOUT_FILENO, e.connection);
        remember(o, e);
        return passed ? done : say(failed, passed.error().text);
    }
    const late_note note(o, e);
    io::relay(STDIN_FILENO, STDOUT_FILENO, e.connection);
    return done;
}

} // namespace

int run_connect(const arguments& args) {
    const auto u = connect_usage();
    return connect(parse_options(args, u), u);
}

} // namespace chronoknock::app

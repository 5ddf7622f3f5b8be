#include "app/options.hpp"
#include "config/server.hpp"
#include "io/helper/peer.hpp"
#include "io/helper/serve.hpp"
#include "io/system/account.hpp"
#include "io/system/files.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chronoknock::app {

namespace {

usage helper_usage() {
    usage u{
        "helper --config FILE [OPTION...]",
        "Does for a server, one that systemd has never let be root, what needs more rights. For systemd,\n"
        "which starts it by chronoknock-helper.socket for each connection, on its standard input."};
    u.options.add_options()                                                //
        ("config", text("FILE")->required(), "the server's configuration") //
        ("user", text("USER"), "the server's user, whom alone it serves (chronoknock)")(
            "allow-loose-permissions", "take key files that others can read or write");
    return u;
}

bool is_channel(int d) {
    int kind = 0;
    socklen_t size = sizeof kind;
    return ::getsockopt(d, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == SOCK_SEQPACKET;
}

/// The connection leaves the standard input, which programs have that are run.
io::descriptor take_channel() {
    io::descriptor channel(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    const io::descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!nothing || ::dup2(nothing.get(), STDIN_FILENO) < 0) return io::descriptor();
    (void)::fcntl(channel.get(), F_SETFL, ::fcntl(channel.get(), F_GETFL) & ~O_NONBLOCK);
    return channel;
}

} // namespace

int run_helper(const arguments& args) {
    const auto options = parse_options(args, helper_usage());
    if (!is_channel(STDIN_FILENO))
        return say(bad_usage, "helper: expected a connection on the standard input: systemd starts it "
                              "(chronoknock-helper.socket)");
    const auto user = io::find_account(given(options, "user").value_or("chronoknock"));
    if (!user) return say(bad_usage, user.error().text);
    auto channel = take_channel();
    if (!channel) return say(failed, "helper: the connection cannot be taken");
    auto server = io::admit_server(channel.get(), *user);
    if (!server) return say(failed, "helper: " + server.error().text);

    const auto file = *given(options, "config");
    const auto text = io::read_file(file);
    const auto paths = config::paths_of(text ? *text : "", file);
    io::give_record(paths.state, *user);
    if (!io::greet(channel.get())) return done;
    io::serve_peer(std::move(channel), {file, options.count("allow-loose-permissions") != 0, paths.state},
                   std::move(*server));
}

} // namespace chronoknock::app

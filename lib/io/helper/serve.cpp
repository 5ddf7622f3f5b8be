#include "io/helper/serve.hpp"

#include "helper/requests.hpp"
#include "io/helper/carry_out.hpp"
#include "io/helper/frames.hpp"
#include "io/helper/packet_sockets.hpp"
#include "io/system/privileges.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <map>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr std::size_t most_programs = 48; // of configurations that were read; the oldest goes

/// The place of a kind among the requests.
template <class Request>
constexpr auto place_of = static_cast<std::uint8_t>(helper::request(Request()).index());

/// What ends the server is not for us: the guard may have to be put back until it has ended.
void set_signals() {
    struct sigaction pass_over {};
    pass_over.sa_handler = SIG_IGN;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaction(signal, &pass_over, nullptr);
    struct sigaction wake {};
    wake.sa_handler = [](int) {};
    sigaction(SIGCHLD, &wake, nullptr);
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGCHLD); // comes while we wait only
    sigprocmask(SIG_SETMASK, &held, nullptr);
}

/// For a child: nft and programs wait for children of their own.
void reset_signals() {
    struct sigaction as_usual {};
    as_usual.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &as_usual, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

void keep_only(int kept) {
    if (kept > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(kept) - 1, 0);
    ::close_range(static_cast<unsigned>(kept) + 1, ~0u, 0);
}

class server_of_requests {
public:
    server_of_requests(descriptor channel, const helper_site& site)
        : channel_(std::move(channel)), site_(site) {}

    void run() {
        auto found = socket_pair(SOCK_SEQPACKET);
        if (!found) return;
        found_ = std::move(found->first);
        told_ = std::move(found->second);
        sigset_t none;
        sigemptyset(&none);
        for (;;) {
            // An entry without a descriptor is passed over (poll(2)).
            const int asked = count(listener_mark) == 0 ? listener_.get() : -1;
            pollfd all[] = {{found_.get(), POLLIN, 0}, {asked, POLLIN, 0}, {channel_.get(), POLLIN, 0}};
            const int ready = ::ppoll(all, std::size(all), nullptr, &none);
            reap();
            if (ready <= 0) continue;
            if (all[0].revents != 0) learn();
            if (all[1].revents & POLLIN)
                begin(listener_mark, [this] {
                    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); // whoever asked may be gone: it waits then
                    open_packet_socket(listener_.get());
                });
            else if (all[1].revents != 0)
                listener_ = descriptor();
            if (all[2].revents != 0 && !receive()) return leave();
        }
    }

private:
    /// False: the server is gone.
    bool receive() {
        auto got = receive_descriptor(channel_.get());
        if (!got) return false;
        const auto kind = got->mark;
        if (kind == listener_mark && !std::exchange(had_listener_, true)) listener_ = std::move(got->passed);
        if (kind >= std::size(helper::limits)) return true;
        if (count(kind) >= helper::limits[kind].at_once) return true; // turned away
        begin(kind, [&] {
            listener_ = descriptor();
            if (kind != place_of<helper::read_configuration>) told_ = descriptor();
            carry_out_request(got->passed.get(), kind, site_, programs_, told_.get());
        });
        return true;
    }

    std::size_t count(std::uint8_t kind) const {
        return static_cast<std::size_t>(
            std::ranges::count(children_, kind, [](const auto& c) { return c.second; }));
    }

    /// Work in a child, which ends with it.
    template <class Work>
    void begin(std::uint8_t kind, Work work) {
        const auto pid = ::fork();
        if (pid == 0) {
            reset_signals();
            for (auto* const d : {&channel_, &found_}) *d = descriptor();
            try {
                work();
            } catch (...) { // no memory, say: whoever asked hears that nothing comes
            }
            ::_exit(0);
        }
        if (pid > 0) children_[pid] = kind;
    }

    /// Others end soon, and finish what they do: a program ends with its stream.
    void leave() const {
        for (const auto& [pid, kind] : children_)
            if (kind == listener_mark || kind == place_of<helper::look_up>) ::kill(pid, SIGKILL);
    }

    void reap() {
        for (pid_t pid = 0; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) children_.erase(pid);
    }

    void learn() {
        while (auto program = next_found(found_.get())) {
            std::erase(programs_, *program);
            programs_.push_back(std::move(*program));
            if (programs_.size() > most_programs) programs_.erase(programs_.begin());
        }
    }

    descriptor channel_;
    const helper_site& site_;
    descriptor listener_;       ///< of the server's seccomp filter
    bool had_listener_ = false; ///< once: it comes before the server reads what strangers send
    descriptor found_;          ///< programs that children have read of come here
    descriptor told_;           ///< the children's end
    known_programs programs_;
    std::map<pid_t, std::uint8_t> children_; ///< and what each does
};

} // namespace

void serve_requests(descriptor channel, const helper_site& site) {
    try {
        set_signals();
        keep_only(channel.get());
        ::prctl(PR_SET_NAME, "knock-helper", 0, 0, 0);
        if (keep_only_network_privileges()) server_of_requests(std::move(channel), site).run();
    } catch (...) { // no memory, say: the server ends with us, and both are started again
    }
    ::_exit(0);
}

} // namespace chronoknock::io

#include "io/helper/serve.hpp"

#include "helper/requests.hpp"
#include "io/helper/carry_out.hpp"
#include "io/helper/frames.hpp"
#include "io/helper/packet_sockets.hpp"
#include "io/system/privileges.hpp"

#include <algorithm>
#include <boost/mp11/algorithm.hpp>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <map>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr int pause_without_child = 100; // ms
constexpr std::size_t most_closers = 16;

/// The place of a kind among the requests.
template <class Request>
constexpr auto place_of = static_cast<std::uint8_t>(boost::mp11::mp_find<helper::request, Request>::value);

/// What ends the server is not for us, nor for a child that is at work: the guard may have to be put back
/// until it has ended.
void set_signals() {
    struct sigaction pass_over{};
    pass_over.sa_handler = SIG_IGN;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaction(signal, &pass_over, nullptr);
    struct sigaction wake{};
    wake.sa_handler = [](int) {};
    sigaction(SIGCHLD, &wake, nullptr);
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGCHLD); // comes while we wait only
    sigprocmask(SIG_SETMASK, &held, nullptr);
}

/// For a child: nft and programs wait for children of their own.
void reset_signals() {
    struct sigaction as_usual{};
    as_usual.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &as_usual, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

void end_with(pid_t helper) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != helper) ::_exit(0);
}

/// Readable when our parent has ended. (A signal at its death it would have to be allowed to send.)
descriptor watch(pid_t parent) {
    descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, parent, 0)));
    if (::getppid() != parent) ::_exit(0);
    return handle;
}

/// And what everybody has. (There may be no handle: a kernel before Linux 5.3.)
void keep_only(int one, int other) {
    unsigned next = STDERR_FILENO + 1;
    for (const int kept : {std::min(one, other), std::max(one, other)}) {
        if (kept < 0) continue;
        const auto number = static_cast<unsigned>(kept);
        if (number > next) ::close_range(next, number - 1, 0);
        next = number + 1;
    }
    ::close_range(next, ~0u, 0);
}

class server_of_requests {
public:
    server_of_requests(descriptor channel, const helper_site& site, descriptor server)
        : channel_(std::move(channel)), server_(std::move(server)), site_(site) {}

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
            pollfd all[] = {{found_.get(), POLLIN, 0},
                            {asked, POLLIN, 0},
                            {channel_.get(), POLLIN, 0},
                            {server_.get(), POLLIN, 0}};
            const int ready = ::ppoll(all, std::size(all), nullptr, &none);
            if (!reap()) return;
            if (ready <= 0) continue;
            if (all[3].revents != 0) return; // whoever has a duplicate of the channel is answered nothing
            if (all[0].revents != 0) learn();
            if (all[1].revents & POLLIN)
                begin(listener_mark, [this] { open_packet_socket(listener_.get()); });
            else if (all[1].revents != 0)
                listener_ = descriptor();
            if (all[2].revents != 0 && !receive()) return;
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
        if (kind == place_of<helper::take_up>) {
            take_up();
            return true;
        }
        if (count(kind) >= helper::limits[kind].at_once) return true; // turned away
        begin(kind, [&] {
            listener_ = descriptor();
            if (kind != place_of<helper::read_configuration>) told_ = descriptor();
            auto programs = read_;
            for (const auto& more : {in_use_, closers_})
                programs.insert(programs.end(), more.begin(), more.end());
            carry_out_request(got->passed.get(), kind, site_, programs, told_.get());
        });
        return true;
    }

    std::size_t count(std::uint8_t kind) const {
        return static_cast<std::size_t>(
            std::ranges::count(children_, kind, [](const auto& c) { return c.second; }));
    }

    /// Work in a child, which ends with it, and when its time is over. Those that change nothing end with us
    /// too; others finish what they do: a program ends with its stream.
    template <class Work>
    void begin(std::uint8_t kind, Work work) {
        const auto helper = ::getpid();
        const auto pid = ::fork();
        if (pid == 0) {
            reset_signals();
            // Whoever asked for a packet socket may be gone: it waits then.
            if (kind == listener_mark || kind == place_of<helper::look_up>) end_with(helper);
            if (kind != listener_mark) ::alarm(static_cast<unsigned>(helper::limits[kind].time.count()));
            for (auto* const d : {&channel_, &found_, &server_}) *d = descriptor();
            try {
                work();
            } catch (...) { // no memory, say: whoever asked hears that nothing comes
                ::_exit(1);
            }
            ::_exit(0);
        }
        if (pid > 0)
            children_[pid] = kind;
        else // who asks for a packet socket goes on asking
            (void)::poll(nullptr, 0, pause_without_child);
    }

    /// False: whoever asked for a packet socket may never hear, and wait in that call for ever. Our end frees
    /// him.
    bool reap() {
        int status = 0;
        for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            const auto found = children_.extract(pid);
            if (found && found.mapped() == listener_mark && status != 0) return false;
        }
        return true;
    }

    void learn() {
        while (auto program = next_found(found_.get()))
            if (program->command.empty())
                read_.clear();
            else
                read_.push_back(std::move(*program));
    }

    void take_up() {
        learn(); // what the child that has read it told before its answer
        in_use_ = read_;
        for (const auto& p : in_use_)
            if (p.which == helper::program::close) remember_closer(p);
    }

    /// A door is closed by the program that was configured when it was opened, however many reloads ago.
    void remember_closer(const named_program& p) {
        std::erase(closers_, p);
        closers_.insert(closers_.begin(), p);
        if (closers_.size() > most_closers) closers_.pop_back();
    }

    descriptor channel_;
    descriptor server_; ///< its end can be read there
    const helper_site& site_;
    descriptor listener_;                    ///< of the server's seccomp filter
    bool had_listener_ = false;              ///< once: it comes before the server reads what strangers send
    descriptor found_;                       ///< programs that children have read of come here
    descriptor told_;                        ///< the children's end
    known_programs read_;                    ///< of the configuration that was read last
    known_programs in_use_;                  ///< of the one that the server goes by
    known_programs closers_;                 ///< of this one and earlier ones, the last first
    std::map<pid_t, std::uint8_t> children_; ///< and what each does
};

} // namespace

void serve_parent(descriptor channel, const helper_site& site, pid_t parent) {
    serve_peer(std::move(channel), site, watch(parent));
}

void serve_peer(descriptor channel, const helper_site& site, descriptor handle) {
    try {
        set_signals();
        keep_only(channel.get(), handle.get());
        ::prctl(PR_SET_NAME, "knock-helper", 0, 0, 0);
        if (keep_only_network_privileges())
            server_of_requests(std::move(channel), site, std::move(handle)).run();
    } catch (...) { // no memory, say: the server ends with us, and both are started again
    }
    ::_exit(0);
}

} // namespace chronoknock::io

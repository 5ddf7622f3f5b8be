#pragma once

#include "base/address.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

/// Three network namespaces for tests with the real kernel: the server, in which the test runs; a client, who
/// may use any address of 10.10.0.0/16 and fd10::/64; and a host behind the server. All gone with the object.
namespace lab {

class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_ = -1;
};

/// Unlike BOOST_TEST it may be used by any thread.
inline void require(bool condition, const std::string& what) {
    if (!condition) throw std::runtime_error(what + ": " + std::strerror(errno));
}

inline void run(const std::string& command) { require(system(command.c_str()) == 0, command); }

/// What a command prints.
inline std::string output_of(const std::string& command) {
    std::string text;
    auto* const pipe = popen(command.c_str(), "r");
    require(pipe != nullptr, command);
    char part[4096];
    for (std::size_t n = 0; (n = fread(part, 1, sizeof part, pipe)) > 0;) text.append(part, n);
    require(pclose(pipe) == 0, command);
    return text;
}

constexpr auto server4 = "10.9.0.1";
constexpr auto server6 = "fd09::1";
constexpr auto inner4 = "10.12.0.2";   ///< behind the server
constexpr std::uint16_t unguarded = 7; ///< a TCP port that answers, never guarded

struct socket_address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    socket_address(const std::string& host, std::uint16_t port) {
        const auto a = *chronoknock::address::parse(host);
        if (a.is_v4()) {
            auto& in = reinterpret_cast<sockaddr_in&>(storage);
            in.sin_family = AF_INET;
            in.sin_port = htons(port);
            std::memcpy(&in.sin_addr, a.bytes().data(), 4);
            size = sizeof in;
        } else {
            auto& in = reinterpret_cast<sockaddr_in6&>(storage);
            in.sin6_family = AF_INET6;
            in.sin6_port = htons(port);
            std::memcpy(&in.sin6_addr, a.bytes().data(), 16);
            size = sizeof in;
        }
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline void bind_to(const descriptor& s, const socket_address& a) {
    const int yes = 1;
    setsockopt(s.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    require(bind(s.get(), a.get(), a.size) == 0, "bind");
}

/// Listens on both families; the kernel shakes hands by itself.
inline descriptor listen_on(std::uint16_t port) {
    descriptor s(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bind_to(s, {"::", port});
    require(listen(s.get(), 1000) == 0, "listen");
    return s;
}

inline descriptor udp_on(std::uint16_t port) {
    descriptor s(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bind_to(s, {"::", port});
    return s;
}

/// True once something can be read (or accepted), within the milliseconds.
inline bool readable(const descriptor& s, int within = 2000) {
    pollfd p{s.get(), POLLIN, 0};
    return poll(&p, 1, within) == 1;
}

class network {
public:
    network() : home_(here()) {
        enter_new();
        server_ = here();
        enter_new();
        client_ = here();
        enter_new();
        inner_ = here();
        enter(server_);
        run("ip link set lo up && ip link add near type veth peer name far netns " + path(client_) +
            " && ip link add inside type veth peer name eth0 netns " + path(inner_));
        run("ip addr add 10.9.0.1/24 dev near && ip addr add fd09::1/64 dev near nodad && "
            "ip addr add 10.12.0.1/24 dev inside && ip link set near up && ip link set inside up");
        enter(client_);
        run("ip link set lo up && ip addr add 10.9.0.2/24 dev far && ip addr add fd09::2/64 dev far nodad && "
            "ip link set far up && ip route add local 10.10.0.0/16 dev lo && "
            "ip -6 route add local fd10::/64 dev lo && ip route add default via 10.9.0.1");
        enter(inner_);
        run("ip link set lo up && ip addr add 10.12.0.2/24 dev eth0 && ip link set eth0 up && "
            "ip route add default via 10.12.0.1");
        enter(server_);
        run("ip route add 10.10.0.0/16 via 10.9.0.2 && ip -6 route add fd10::/64 via fd09::2 && "
            "echo 1 > /proc/sys/net/ipv4/ip_forward");
        marker_ = listen_on(unguarded);
    }
    network(const network&) = delete;
    network& operator=(const network&) = delete;
    ~network() { setns(home_.get(), CLONE_NEWNET); }

    template <class F>
    std::invoke_result_t<F> at_client(F f) const {
        return at(client_, f);
    }
    template <class F>
    std::invoke_result_t<F> at_inner(F f) const {
        return at(inner_, f);
    }

    /// A connection of the client on its way.
    descriptor dial(const std::string& from, const std::string& to, std::uint16_t port,
                    std::uint16_t from_port = 0) const {
        return at_client([&] {
            const bool v4 = chronoknock::address::parse(to)->is_v4();
            descriptor s(socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            const int one = 1;
            setsockopt(s.get(), SOL_IP, IP_FREEBIND, &one, sizeof one);
            bind_to(s, {from, from_port});
            const socket_address there(to, port);
            require(connect(s.get(), there.get(), there.size) == 0 || errno == EINPROGRESS, "connect");
            return s;
        });
    }

    /// What became of the connection's SYN: "open", "refused" or "silent". Not by waiting: a SYN sent after
    /// it to a port that answers, when answered, shows that the earlier one has been dealt with.
    std::string fate(const descriptor& s) const {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        getsockname(s.get(), reinterpret_cast<sockaddr*>(&peer), &size);
        const bool v4 = peer.ss_family == AF_INET;
        const auto mark = dial(v4 ? "10.9.0.2" : "fd09::2", v4 ? server4 : server6, unguarded);
        pollfd answered{mark.get(), POLLOUT, 0};
        require(poll(&answered, 1, 5000) == 1, "no answer from the unguarded port");
        for (int taken = 0; (taken = accept(marker_.get(), nullptr, nullptr)) >= 0;) close(taken);
        tcp_info info{};
        socklen_t length = sizeof info;
        require(getsockopt(s.get(), SOL_TCP, TCP_INFO, &info, &length) == 0, "TCP_INFO");
        if (info.tcpi_state == TCP_ESTABLISHED) return "open";
        return info.tcpi_state == TCP_SYN_SENT ? "silent" : "refused";
    }
    std::string try_from(const std::string& from, std::uint16_t port) const {
        return fate(dial(from, from.find(':') == from.npos ? server4 : server6, port));
    }

private:
    static descriptor here() { return descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }
    static void enter_new() { require(unshare(CLONE_NEWNET) == 0, "unshare"); }
    static void enter(const descriptor& ns) { require(setns(ns.get(), CLONE_NEWNET) == 0, "setns"); }
    static std::string path(const descriptor& ns) {
        return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(ns.get());
    }
    template <class F>
    std::invoke_result_t<F> at(const descriptor& ns, F f) const {
        enter(ns);
        struct back {
            const descriptor& ns;
            ~back() { setns(ns.get(), CLONE_NEWNET); }
        } const guard{server_};
        return f();
    }

    descriptor home_, server_, client_, inner_, marker_;
};

inline boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result yes(geteuid() == 0);
    yes.message() << "needs root, for network namespaces";
    return yes;
}

} // namespace lab

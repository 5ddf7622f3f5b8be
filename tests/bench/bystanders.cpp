// What others pay: new connections, and requests on one that stands, from a client host to a port of a server
// host: answered by a process of that host (`served`), or both ends in this one process (`alone`), so that
// nothing but the kernel's way of a packet is measured. Two server hosts take turns of a few milliseconds.
// Prints a line a round: the microseconds that one of the first's took, and one of the second's.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace {

using clock_type = std::chrono::steady_clock;
using microseconds = std::chrono::duration<double, std::micro>;

[[noreturn]] void fail(const char* call) { throw std::system_error(errno, std::generic_category(), call); }

void enter(const char* network) {
    const int fd = ::open(network, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) fail(network);
    ::close(fd);
}

int open_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    const timeval patience{2, 0}; // a SYN that was lost would come again after a second
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

/// This process and its children stay where it is: which processor a sleeper is woken on would make more of a
/// difference than what is measured.
void stay() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

void reset(int fd) { // leaves no TIME-WAIT behind
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
}

void answer_at_once(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

constexpr std::size_t question = 100, answer = 1000;
std::array<char, answer> bytes{};

bool send(int fd, std::size_t size) {
    return ::send(fd, bytes.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}
bool receive(int fd, std::size_t size) {
    return ::recv(fd, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

/// A port of a server host, and what is done there.
struct bystander {
    sockaddr_in where{};
    bool served = false;
    int listening = -1;
    int client = -1,
        server = -1; ///< the connection that stands; with a process that serves, its client's end

    void listen(const char* network, const char* address, const char* port) {
        where.sin_family = AF_INET;
        where.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
        if (inet_pton(AF_INET, address, &where.sin_addr) != 1) throw std::invalid_argument(address);
        enter(network);
        listening = open_socket();
        const int on = 1;
        ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(listening, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) fail("bind");
        if (::listen(listening, 64) != 0) fail("listen");
    }

    /// Answers as many questions as come, one connection after another, in a process that ends with this one.
    void serve() {
        served = true;
        const auto child = ::fork();
        if (child < 0) fail("fork");
        if (child > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue; // nobody came for a while
            answer_at_once(fd);
            while (receive(fd, question) && send(fd, answer)) {
            }
            ::close(fd);
        }
    }

    void connect() {
        client = open_socket();
        if (::connect(client, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) fail("connect");
        answer_at_once(client);
        if (served) return;
        server = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
        if (server < 0) fail("accept");
        answer_at_once(server);
    }

    void close() {
        reset(client);
        if (!served) ::close(server);
    }

    void request() {
        if (!send(client, question)) fail("send");
        if (!served && (!receive(server, question) || !send(server, answer))) fail("answer");
        if (!receive(client, answer)) fail("recv");
    }
};

/// Microseconds for one of those that fit into so many milliseconds.
double turn(bystander& b, bool connections, double milliseconds) {
    const auto begin = clock_type::now();
    double took = 0;
    std::uint64_t done = 0;
    while ((took = microseconds(clock_type::now() - begin).count()) < milliseconds * 1e3) {
        if (connections) {
            b.connect();
            if (b.served) b.request();
            b.close();
        } else {
            b.request();
        }
        ++done;
    }
    return took / static_cast<double>(done);
}

} // namespace

int main(int argc, char** argv) try {
    if (argc != 11) {
        std::fputs("usage: bystanders served|alone connections|requests PORT ROUNDS MILLISECONDS"
                   " CLIENT_NETWORK NETWORK ADDRESS NETWORK ADDRESS\n",
                   stderr);
        return 2;
    }
    const bool connections = argv[2] == std::string("connections");
    const int rounds = std::atoi(argv[4]);
    const double milliseconds = std::atof(argv[5]);
    stay();
    std::array<bystander, 2> hosts;
    for (std::size_t i = 0; i < 2; ++i) hosts[i].listen(argv[7 + 2 * i], argv[8 + 2 * i], argv[3]);
    if (argv[1] == std::string("served"))
        for (auto& h : hosts) h.serve();
    enter(argv[6]);
    if (!connections)
        for (auto& h : hosts) h.connect();
    for (auto& h : hosts) turn(h, connections, milliseconds); // routes, neighbours and caches
    for (int round = 0; round < rounds; ++round) {
        std::array<double, 2> took{};
        for (std::size_t i = 0; i < 2; ++i) {
            const auto which = round % 2 == 0 ? i : 1 - i;
            took[which] = turn(hosts[which], connections, milliseconds);
        }
        std::printf("%.4f %.4f\n", took[0], took[1]);
    }
} catch (const std::exception& e) {
    std::fprintf(stderr, "bystanders: %s\n", e.what());
    return 1;
}

// Knocks and watches the door, in one process, so that "knock to open" is one clock's time: from the last
// packet of the knock to the first connection that stands. Reads a knock a line,
//     SOURCE tcp PORT PORT ...      SYNs to these ports, in this order
//     SOURCE udp PORT PAYLOAD       one datagram
// and prints for each "SOURCE MICROSECONDS", or "SOURCE shut".
//
// A SYN that a shut door swallows would be sent again by the kernel after a second only; so each try is a
// connection of its own, and none is waited for longer than `--lifetime`.
#include <arpa/inet.h>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <iostream>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace {

namespace po = boost::program_options;
using clock_type = std::chrono::steady_clock;
using microseconds = std::chrono::duration<double, std::micro>;

struct settings {
    std::string target;
    std::uint16_t door = 80;
    double limit = 2;     ///< seconds to try the door for
    double every = 50;    ///< microseconds between tries
    double lifetime = 20; ///< milliseconds that a try lives
    double pause = 0;     ///< microseconds between knocks
    bool burst = false;   ///< all knocks first, then all doors
    bool send_only = false;
};

struct knock {
    std::string source;
    bool udp = false;
    std::vector<std::uint16_t> ports;
    std::string payload;
    clock_type::time_point sent{};
};

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in to_socket_address(const std::string& ip, std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    if (inet_pton(AF_INET, ip.c_str(), &a.sin_addr) != 1)
        throw std::invalid_argument("not an address: " + ip);
    return a;
}

int open_socket(const std::string& source, int type) {
    const int fd = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const linger reset{1, 0}; // leaves no TIME-WAIT behind
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    const auto from = to_socket_address(source, 0);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind " + source);
    return fd;
}

/// True if the connection stands at once.
bool start(int fd, const std::string& target, std::uint16_t port) {
    const auto to = to_socket_address(target, port);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

void send(knock& k, const settings& s) {
    if (k.udp) {
        const int fd = open_socket(k.source, SOCK_DGRAM);
        const auto to = to_socket_address(s.target, k.ports.front());
        k.sent = clock_type::now();
        if (::sendto(fd, k.payload.data(), k.payload.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof to) < 0)
            fail("sendto");
        ::close(fd);
        return;
    }
    for (const auto port : k.ports) {
        const int fd = open_socket(k.source, SOCK_STREAM);
        k.sent = clock_type::now();
        start(fd, s.target, port);
        ::close(fd);
    }
}

/// Tries the door until it opens; false if it does not in time.
bool watch(const knock& k, const settings& s, clock_type::time_point deadline) {
    struct attempt {
        int fd;
        clock_type::time_point since;
    };
    std::deque<attempt> attempts;
    std::vector<pollfd> polled;
    bool open = false;
    auto next = clock_type::now();
    for (auto now = next; !open && now < deadline; now = clock_type::now()) {
        while (!attempts.empty() && microseconds(now - attempts.front().since).count() > s.lifetime * 1e3) {
            ::close(attempts.front().fd);
            attempts.pop_front();
        }
        if (now >= next) {
            attempts.push_back({open_socket(k.source, SOCK_STREAM), now});
            open = start(attempts.back().fd, s.target, s.door);
            // After a while less often, so that tries do not pile up: 2 % of the time that is measured.
            const auto so_far = microseconds(now - k.sent).count();
            next = now + std::chrono::duration_cast<clock_type::duration>(
                             microseconds(std::max(s.every, so_far / 50)));
        }
        polled.clear();
        for (const auto& a : attempts) polled.push_back({a.fd, POLLOUT, 0});
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(next - clock_type::now());
        const timespec timeout{0, std::max<long>(0, left.count())};
        if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) > 0)
            for (std::size_t i = polled.size(); i-- > 0;) {
                if (polled[i].revents == 0) continue;
                int failure = 0;
                socklen_t size = sizeof failure;
                ::getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &failure, &size);
                open |= failure == 0;
                ::close(polled[i].fd);
                attempts.erase(attempts.begin() + static_cast<std::ptrdiff_t>(i));
            }
    }
    for (const auto& a : attempts) ::close(a.fd);
    return open;
}

void report(const knock& k, bool open) {
    std::cout << k.source;
    if (open)
        std::cout << ' ' << microseconds(clock_type::now() - k.sent).count() << '\n';
    else
        std::cout << " shut\n";
}

knock parse(const std::string& line) {
    std::istringstream in(line);
    knock k;
    std::string kind;
    in >> k.source >> kind;
    k.udp = kind == "udp";
    for (std::uint16_t port; (!k.udp || k.ports.empty()) && in >> port;) k.ports.push_back(port);
    if (k.udp) in >> k.payload;
    return k;
}

void run(const settings& s) {
    const auto limit =
        std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(s.limit));
    std::vector<knock> knocks;
    const auto begin = clock_type::now();
    for (std::string line; std::getline(std::cin, line);) {
        knocks.push_back(parse(line));
        auto& k = knocks.back();
        send(k, s);
        if (!s.burst && !s.send_only) report(k, watch(k, s, clock_type::now() + limit));
        if (s.pause > 0) ::usleep(static_cast<useconds_t>(s.pause));
    }
    if (!s.burst) return;
    std::cerr << "sent " << knocks.size() << " knocks in "
              << std::chrono::duration<double>(clock_type::now() - begin).count() << " s\n";
    const auto deadline = clock_type::now() + limit;
    for (auto& k : knocks) // those after the deadline get one short look
        report(k, watch(k, s, std::max(deadline, clock_type::now() + std::chrono::milliseconds(2))));
}

} // namespace

int main(int argc, char** argv) try {
    settings s;
    po::options_description options("probe: knocks as told on standard input, and times the door");
    auto add = options.add_options();
    add("help", "this");
    add("target", po::value(&s.target)->required(), "IPv4 address of the server");
    add("door", po::value(&s.door), "TCP port that is to open (80)");
    add("limit", po::value(&s.limit), "seconds to wait for it (2)");
    add("every", po::value(&s.every), "microseconds between tries (50)");
    add("lifetime", po::value(&s.lifetime), "milliseconds that a try lives (20)");
    add("pause", po::value(&s.pause), "microseconds between knocks (0)");
    add("burst", po::bool_switch(&s.burst), "send all knocks before looking at any door");
    add("send-only", po::bool_switch(&s.send_only), "look at no door");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    if (given.count("help")) return std::cout << options, 0;
    po::notify(given);
    ::prctl(PR_SET_TIMERSLACK, 1000);
    run(s);
} catch (const std::exception& e) {
    std::cerr << "probe: " << e.what() << '\n';
    return 1;
}

#include "io/client/knocker.hpp"

#include "io/client/path_reports.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;

// The kernel sends a SYN again after a second (RFC 6298, section 2.1). A knock decides on that itself.
constexpr nanoseconds syn_lifetime = 900ms;
// The door is tried often at first, when it opens if all is well, and seldom later.
constexpr nanoseconds first_try = 200us;
constexpr nanoseconds longest_between_tries = 100ms;
// Tries stay open beside newer ones: on a long path an answer comes after the next try has gone.
// (And a router that finds no host says so after three seconds.)
constexpr nanoseconds try_lifetime = 5s;

error why(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

descriptor open_socket(const address& family, int type, int protocol = 0) {
    return descriptor(
        ::socket(family.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

/// A socket for echo requests: one that the kernel lets some groups have without privilege, or else a raw
/// one.
result<descriptor> open_ping_socket(const address& family) {
    const int protocol = family.is_v4() ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    for (const int type : {SOCK_DGRAM, SOCK_RAW})
        if (auto s = open_socket(family, type, protocol)) return s;
    return error{std::string("cannot send a ping: ") + std::strerror(errno) +
                 "; it takes a group within the sysctl net.ipv4.ping_group_range, or CAP_NET_RAW"};
}

/// An echo request (RFC 792; RFC 4443, section 4.1). A raw socket of IPv4 alone leaves the checksum to us;
/// the others put in theirs, and ping sockets their identifier.
std::vector<std::uint8_t> echo_request(const address& family, std::span<const std::uint8_t> data,
                                       std::uint16_t number) {
    std::vector<std::uint8_t> m{static_cast<std::uint8_t>(family.is_v4() ? 8 : 128),
                                0,
                                0,
                                0,
                                0x6b,
                                0x6e,
                                static_cast<std::uint8_t>(number >> 8),
                                static_cast<std::uint8_t>(number)};
    m.insert(m.end(), data.begin(), data.end());
    if (!family.is_v4()) return m;
    std::uint32_t sum = 0; // RFC 1071
    for (std::size_t i = 0; i < m.size(); ++i) sum += std::uint32_t{m[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    m[2] = static_cast<std::uint8_t>(~sum >> 8);
    m[3] = static_cast<std::uint8_t>(~sum);
    return m;
}

/// A connection on its way.
struct attempt {
    static constexpr std::size_t door = ~std::size_t{0};

    descriptor socket;
    std::size_t port; ///< of the sequence, or `door`
    instant since;
    bool datagram; ///< or an echo request: any answer will do
};

/// One knock: what volley says, done with sockets.
class knocker {
public:
    knocker(const knock_order& order, std::vector<descriptor> tries)
        : order_(order), volley_(order.shots.size(), order.pace) {
        for (auto& t : tries) attempts_.push_back({std::move(t), attempt::door, boot_now(), false});
    }

    result<knock_report> run() {
        for (;;) {
            const auto now = boot_now();
            const auto action = volley_.next(now);
            if (action.what == client::volley::step::send) {
                if (const auto sent = start(action.port, now); !sent) return sent.error();
                ++sent_;
                last_syn_ = now;
                next_try_ = now + first_try;
                between_tries_ = first_try;
                continue;
            }
            const bool sent_all = action.what == client::volley::step::done;
            if (opened_after_ ||
                (sent_all && (ended_ || order_.wait_port == 0 || now >= last_syn_ + order_.wait_limit)))
                return make_report();

            auto until = sent_all ? last_syn_ + order_.wait_limit : action.until;
            if (order_.wait_port != 0 && !volley_.in_round()) {
                if (const auto tried = try_door(now); !tried) return tried.error();
                until = std::min(until, next_try_);
            }
            std::erase_if(attempts_, [&](const attempt& a) {
                return now - a.since > (a.port == attempt::door ? try_lifetime : syn_lifetime);
            });
            for (const auto& a : attempts_)
                if (a.port != attempt::door) until = std::min(until, a.since + syn_lifetime + 1ms);
            if (!opened_after_) wait(until - now);
        }
    }

    std::uint32_t sent() const { return sent_; }

private:
    knock_report make_report() {
        knock_report r{.syns = volley_.syns(),
                       .rounds = volley_.rounds(),
                       .opened_after = opened_after_,
                       .connection = std::move(connection_),
                       .answered = answered_,
                       .refused = refused_,
                       .obstacle = obstacle_};
        for (auto& a : attempts_)
            if (a.port == attempt::door) r.tries.push_back(std::move(a.socket));
        return r;
    }

    /// Begins a connection to a port of the sequence or to the door.
    result<void> start(std::size_t port, instant now) {
        static const client::shot no_shot;
        const auto& shot = port == attempt::door ? no_shot : order_.shots[port];
        const bool echo = shot.kind == packet::kind::echo;
        const bool datagram = echo || shot.kind == packet::kind::datagram;
        const auto& target = port != attempt::door && order_.via ? *order_.via : order_.to;
        if (datagram && order_.socket >= 0) return send_by(order_.socket, shot);
        attempt a{descriptor(), port, now, datagram};
        if (echo) {
            auto made = open_ping_socket(target.ip);
            if (!made) return made.error();
            a.socket = std::move(*made);
        } else {
            a.socket = open_socket(target.ip, datagram ? SOCK_DGRAM : SOCK_STREAM);
        }
        if (!a.socket) return why("cannot make a socket");
        if (port != attempt::door) keep_path_reports(a.socket, target.ip);
        const int on = 1;
        const linger reset{1, 0};
        // Whatever listens on a knock port gets a reset, not a conversation.
        ::setsockopt(a.socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (order_.bind && &target == &order_.to) {
            ::setsockopt(a.socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
            const auto from = to_socket_address(*order_.bind, 0, order_.to.scope);
            if (::bind(a.socket.get(), from.get(), from.size) != 0)
                return why("cannot send from " + order_.bind->to_string());
        }
        const auto number = port == attempt::door ? order_.wait_port : shot.port;
        const auto to = to_socket_address(target.ip, number, target.scope);
        int failure = ::connect(a.socket.get(), to.get(), to.size) == 0 ? 0 : errno;
        if (datagram && failure == 0) {
            const auto payload = echo ? echo_request(target.ip, shot.payload, ++pings_) : shot.payload;
            // A closed port answers by ICMP, an open one perhaps by itself.
            failure = ::send(a.socket.get(), payload.data(), payload.size(), 0) >= 0 ? EINPROGRESS : errno;
        }
        if (failure == EINPROGRESS) {
            attempts_.push_back(std::move(a));
            return {};
        }
        if (failure != 0 && failure != ECONNREFUSED) {
            errno = failure;
            return why("cannot send to " + target.ip.to_string());
        }
        finish(port, failure, std::move(a.socket));
        return {};
    }

    /// By the socket of the order, which is told of nothing that comes back.
    result<void> send_by(int socket, const client::shot& shot) const {
        const auto to = to_socket_address(order_.to.ip, shot.port, order_.to.scope);
        if (::sendto(socket, shot.payload.data(), shot.payload.size(), 0, to.get(), to.size) >= 0 ||
            errno == ECONNREFUSED)
            return {};
        return why("cannot send to " + order_.to.ip.to_string());
    }

    result<void> try_door(instant now) {
        if (now < next_try_) return {};
        between_tries_ = std::min(between_tries_ * 2, longest_between_tries);
        next_try_ = now + between_tries_;
        return start(attempt::door, now);
    }

    /// A connection stands (failure 0) or was refused, or the path had something else to say.
    void finish(std::size_t port, int failure, descriptor socket) {
        const bool answered = failure == 0 || failure == ECONNREFUSED ||
                              (port != attempt::door && host_reported(socket, order_.to.ip));
        if (!answered) obstacle_ = std::strerror(failure);
        if (port == attempt::door) refused_ = failure == ECONNREFUSED;
        if (port != attempt::door) {
            if (!answered) return;
            ++answered_;
            volley_.answered(port);
        } else if (failure == 0 && !opened_after_) {
            opened_after_ = boot_now() - last_syn_;
            connection_ = std::move(socket);
            volley_.opened();
        }
    }

    void wait(nanoseconds time) {
        std::vector<pollfd> polled;
        for (const auto& a : attempts_)
            polled.push_back({a.socket.get(), static_cast<short>(a.datagram ? POLLIN : POLLOUT), 0});
        const auto left = std::max(time, nanoseconds(0));
        const timespec limit{left / 1s, (left % 1s).count()};
        if (order_.end >= 0 && !ended_) polled.push_back({order_.end, POLLIN, 0});
        if (::ppoll(polled.data(), polled.size(), &limit, nullptr) <= 0) return;
        if (polled.size() > attempts_.size()) {
            if (polled.back().revents != 0) {
                ended_ = true;
                volley_.opened();
            }
            polled.pop_back();
        }
        for (std::size_t i = polled.size(); i-- > 0;) {
            if (polled[i].revents == 0) continue;
            int failure = 0;
            socklen_t size = sizeof failure;
            ::getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &failure, &size);
            finish(attempts_[i].port, failure, std::move(attempts_[i].socket));
            attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    const knock_order& order_;
    client::volley volley_;
    std::vector<attempt> attempts_;
    instant last_syn_{};
    instant next_try_{};
    nanoseconds between_tries_ = first_try;
    std::optional<nanoseconds> opened_after_;
    descriptor connection_;
    bool ended_ = false; ///< as order_.end says
    std::uint32_t answered_ = 0;
    bool refused_ = false;
    std::string obstacle_;
    std::uint32_t sent_ = 0;
    std::uint16_t pings_ = 0;
};

} // namespace

result<std::vector<destination>> resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failure != 0)
        return error{host + ": " + ::gai_strerror(failure)};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    std::vector<destination> destinations;
    for (const auto* a = found; a != nullptr; a = a->ai_next)
        if (const auto d = to_destination(a->ai_addr)) destinations.push_back(*d);
    if (destinations.empty()) return error{host + ": no IPv4 or IPv6 address"};
    return destinations;
}

result<address> source_towards(const destination& to) {
    const auto socket = open_socket(to.ip, SOCK_DGRAM);
    // Connecting a datagram socket sends nothing: it asks the routes. The port only must not be 0.
    const auto there = to_socket_address(to.ip, 9, to.scope);
    socket_address here;
    here.size = sizeof here.storage;
    if (!socket || ::connect(socket.get(), there.get(), there.size) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&here.storage), &here.size) != 0)
        return why("no route to " + to.ip.to_string());
    return to_destination(here.get())->ip;
}

bool is_local(const address& a) {
    const auto socket = open_socket(a, SOCK_DGRAM);
    const auto here = to_socket_address(a, 0, 0);
    return socket && ::bind(socket.get(), here.get(), here.size) == 0;
}

result<knock_report> send_knock(const knock_order& order, std::uint32_t* sent,
                                std::vector<descriptor> tries) {
    knocker k(order, std::move(tries));
    auto report = k.run();
    if (sent) *sent = k.sent();
    return report;
}

} // namespace chronoknock::io

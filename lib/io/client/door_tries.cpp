#include "io/client/door_tries.hpp"

#include "io/system/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace chronoknock::io {

namespace {

using namespace std::chrono_literals;

// What an open door near by needs to answer in.
constexpr nanoseconds at_once = 1ms;
// A door that another knock of the same user is about to open does so within milliseconds.
constexpr nanoseconds first_pause = 2ms;
constexpr nanoseconds longest_pause = 250ms;
// Attempts stay beside newer ones: on a long path an answer comes after the next has gone.
constexpr nanoseconds lifetime = 3s;

} // namespace

door_tries::door_tries(std::vector<side> sides, std::uint16_t port)
    : sides_(std::move(sides)), port_(port), refused_(sides_.size(), false) {}

std::optional<descriptor> door_tries::try_once(const std::function<std::vector<nanoseconds>()>& silences) {
    client::door door(sides_.size());
    bool told = false;
    for (;;) {
        const auto now = boot_now();
        const auto action = door.next(now);
        if (action.what == client::door::step::shut) return {};
        std::optional<descriptor> open;
        if (action.what == client::door::step::attempt) {
            open = start(action.address, now, &door);
        } else if (told) {
            open = wait(action.until, -1, &door);
        } else {
            const auto soon = now + at_once;
            open = wait(std::min(action.until, soon), -1, &door);
            if (!open && boot_now() >= soon) {
                door.set_silences(silences());
                told = true;
            }
        }
        if (open) return open;
    }
}

std::optional<descriptor> door_tries::keep_trying(instant until, int wake) {
    auto pause = first_pause;
    auto due = boot_now() + pause;
    for (;;) {
        const auto now = boot_now();
        if (now >= until) return {};
        if (now >= due) {
            for (std::size_t i = 0; i < sides_.size(); ++i)
                if (auto open = start(i, now, nullptr)) return open;
            pause = std::min(2 * pause, longest_pause);
            due = now + pause;
        }
        std::erase_if(attempts_, [&](const attempt& a) { return now - a.since > lifetime; });
        if (auto open = wait(std::min(due, until), wake, nullptr)) return open;
        if (pollfd polled{wake, POLLIN, 0}; wake >= 0 && ::poll(&polled, 1, 0) > 0) return {};
    }
}

std::vector<descriptor> door_tries::release() {
    std::vector<descriptor> all;
    for (auto& a : attempts_) all.push_back(std::move(a.socket));
    attempts_.clear();
    return all;
}

std::optional<descriptor> door_tries::start(std::size_t number, instant now, client::door* told) {
    const auto& s = sides_[number];
    descriptor socket(
        ::socket(s.to.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    const linger reset{1, 0};
    // An attempt that is not used leaves nothing behind.
    bool fits = socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0;
    if (fits && s.bind) {
        ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        const auto from = to_socket_address(*s.bind, 0, s.to.scope);
        fits = ::bind(socket.get(), from.get(), from.size) == 0;
    }
    if (fits) {
        const auto to = to_socket_address(s.to.ip, port_, s.to.scope);
        if (::connect(socket.get(), to.get(), to.size) == 0) return socket;
        if (errno == EINPROGRESS) {
            attempts_.push_back({std::move(socket), number, now});
            return {};
        }
        refused_[number] = errno == ECONNREFUSED;
    }
    if (told) told->refused(number);
    return {};
}

std::optional<descriptor> door_tries::wait(instant until, int wake, client::door* told) {
    std::vector<pollfd> polled;
    for (const auto& a : attempts_) polled.push_back({a.socket.get(), POLLOUT, 0});
    polled.push_back({wake, POLLIN, 0});
    const auto left = std::clamp<nanoseconds>(until - boot_now(), 0ns, 1h);
    const timespec limit{left / 1s, (left % 1s).count()};
    if (::ppoll(polled.data(), polled.size(), &limit, nullptr) <= 0) return {};
    std::optional<descriptor> open;
    for (std::size_t i = attempts_.size(); i-- > 0;) {
        if (polled[i].revents == 0) continue;
        int failure = 0;
        socklen_t size = sizeof failure;
        ::getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &failure, &size);
        refused_[attempts_[i].number] = failure == ECONNREFUSED;
        if (failure == 0)
            open = std::move(attempts_[i].socket);
        else if (told)
            told->refused(attempts_[i].number);
        attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return open;
}

void make_usable(const descriptor& connection) {
    const int fd = connection.get();
    const linger usual{0, 0};
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &usual, sizeof usual);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::optional<nanoseconds> round_trip_of(const descriptor& connection) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(connection.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_rtt == 0)
        return {};
    return std::chrono::microseconds(info.tcpi_rtt);
}

} // namespace chronoknock::io

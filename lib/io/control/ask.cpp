#include "io/control/ask.hpp"

#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>

namespace chronoknock::io {

namespace {

using boost::asio::local::stream_protocol;

/// A connection whose every step ends in time. Blocking, with the kernel's timeouts: a nonblocking connect to
/// a full backlog would have nothing to wait for (unix(7)).
class connection {
public:
    connection(const std::string& path, const ask_limits& limits)
        : path_(path), step_(limits.step), end_(boot_now() + limits.all) {}

    result<void> open() {
        const stream_protocol::endpoint where(path_);
        const auto done = until_done(SO_SNDTIMEO, [&] {
            return ::connect(fd(), static_cast<const sockaddr*>(where.data()),
                             static_cast<socklen_t>(where.size()));
        });
        if (done == 0) return {};
        if (errno == EAGAIN) return silent();
        return error{"no server answers at " + path_ + ": " + std::strerror(errno)};
    }

    result<void> send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = until_done(SO_SNDTIMEO,
                                      [&] { return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
            if (n < 0 && errno == EAGAIN) return silent();
            if (n < 0) return {}; // it has closed: what it said before is still to be read
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return {};
    }

    /// Fills all of it.
    result<void> receive(void* to, std::size_t size) {
        for (std::size_t got = 0; got < size;) {
            const auto n = until_done(
                SO_RCVTIMEO, [&] { return ::recv(fd(), static_cast<char*>(to) + got, size - got, 0); });
            if (n < 0 && errno == EAGAIN) return silent();
            if (n <= 0) return error{"the server at " + path_ + " broke off its answer"};
            got += static_cast<std::size_t>(n);
        }
        return {};
    }

private:
    int fd() { return socket_.native_handle(); }
    error silent() const { return {"the server at " + path_ + " does not answer"}; }

    /// A system call, again if a signal cut it short (stopped at the terminal, say, and continued). EAGAIN
    /// when the time is over.
    template <class Call>
    ssize_t until_done(int which, Call call) {
        for (;;) {
            const auto left = std::min<nanoseconds>(step_, end_ - boot_now());
            const auto us = left / std::chrono::microseconds(1);
            if (us <= 0) { // to the kernel that would be no limit
                errno = EAGAIN;
                return -1;
            }
            const timeval limit{us / 1'000'000, us % 1'000'000};
            ::setsockopt(fd(), SOL_SOCKET, which, &limit, sizeof limit);
            const ssize_t done = call();
            if (done >= 0 || errno != EINTR) return done;
        }
    }

    const std::string& path_;
    nanoseconds step_;
    instant end_;
    boost::asio::io_context context_;
    stream_protocol::socket socket_{context_, stream_protocol()};
};

} // namespace

answer ask(const std::string& path, const request& r, const ask_limits& limits) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return error{"control socket: path too long"};
    const auto asked = to_text(r);
    if (asked.size() > most_request)
        return error{"request: expected at most " + std::to_string(most_request) + " bytes"};
    connection server(path, limits);
    if (const auto connected = server.open(); !connected) return connected.error();
    if (const auto sent = server.send(to_frame(asked)); !sent) return sent.error();
    frame_header header;
    if (const auto received = server.receive(header.data(), header.size()); !received)
        return received.error();
    const auto size = frame_size(header, most_answer);
    if (!size) return error{"the server's answer is not what this program knows"};
    std::string text(*size, '\0');
    if (const auto received = server.receive(text.data(), text.size()); !received) return received.error();
    return parse_answer(text);
}

bool somebody_listens(const std::string& path) {
    boost::asio::io_context context;
    stream_protocol::socket s(context, stream_protocol());
    boost::system::error_code failed;
    s.native_non_blocking(true, failed); // whose backlog is full is somebody, too
    const stream_protocol::endpoint where(path);
    return ::connect(s.native_handle(), static_cast<const sockaddr*>(where.data()),
                     static_cast<socklen_t>(where.size())) == 0 ||
           errno == EAGAIN;
}

} // namespace chronoknock::io

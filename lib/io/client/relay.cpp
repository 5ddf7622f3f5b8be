#include "io/client/relay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <poll.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace chronoknock::io {

namespace {

constexpr std::size_t most_at_once = 1 << 20;
constexpr int pipe_size = 1 << 20; // as large as the kernel lets anybody have it
constexpr std::size_t buffer_size = 1 << 17;

enum class flow { ended, broken, unspliceable };

bool is_pipe(int fd) {
    struct stat s{};
    return ::fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode);
}

/// Waits where a file was made not to block.
void await(int fd, short events) {
    pollfd polled{fd, events, 0};
    ::poll(&polled, 1, -1);
}

bool may_try_again(int in, int out) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) return false;
    await(in, POLLIN);
    await(out, POLLOUT);
    return true;
}

bool write_all(int out, std::span<const char> bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(out, bytes.data(), bytes.size());
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            await(out, POLLOUT);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

flow copy(int in, int out) {
    std::vector<char> buffer(buffer_size);
    for (;;) {
        const auto n = ::read(in, buffer.data(), buffer.size());
        if (n == 0) return flow::ended;
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return flow::broken;
            await(in, POLLIN);
        } else if (!write_all(out, std::span(buffer).first(static_cast<std::size_t>(n)))) {
            return flow::broken;
        }
    }
}

/// Between two files of which one is a pipe, whose other end another program has. While splice(2) waits it
/// holds the pipe, and the other program can neither read what is in it nor write: so it never waits.
flow splice_directly(int in, int out) {
    for (;;) {
        const auto n = ::splice(in, nullptr, out, nullptr, most_at_once, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n > 0) continue;
        if (n == 0) return flow::ended;
        if (errno == EINVAL || errno == ENOSYS) return flow::unspliceable;
        if (!may_try_again(in, out)) return flow::broken;
    }
}

/// Between two that are none, by a pipe of our own.
flow splice_through_pipe(int in, int out) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return flow::unspliceable;
    const descriptor read_end(ends[0]);
    const descriptor write_end(ends[1]);
    ::fcntl(ends[1], F_SETPIPE_SZ, pipe_size);
    bool spliced_out = true;
    for (;;) {
        auto held = ::splice(in, nullptr, ends[1], nullptr, most_at_once, SPLICE_F_MOVE);
        if (held == 0) return flow::ended;
        if (held < 0) {
            if (errno == EINVAL || errno == ENOSYS) return flow::unspliceable;
            if (errno == EAGAIN) await(in, POLLIN);
            if (errno == EAGAIN || errno == EINTR) continue;
            return flow::broken;
        }
        std::array<char, 4096> some;
        while (held > 0) {
            const auto left = static_cast<std::size_t>(held);
            if (spliced_out) {
                const auto n = ::splice(ends[0], nullptr, out, nullptr, left, SPLICE_F_MOVE);
                if (n > 0)
                    held -= n;
                else if (n < 0 && errno == EINVAL)
                    spliced_out = false;
                else if (n < 0 && errno == EAGAIN)
                    await(out, POLLOUT);
                else if (n == 0 || errno != EINTR)
                    return flow::broken;
                continue;
            }
            const auto n = ::read(ends[0], some.data(), std::min(left, some.size()));
            if (n <= 0 || !write_all(out, std::span(some).first(static_cast<std::size_t>(n))))
                return flow::broken;
            held -= n;
        }
        if (!spliced_out) return flow::unspliceable;
    }
}

flow carry(int in, int out) {
    bool either = false;
    for (const int fd : {in, out})
        if (is_pipe(fd)) {
            either = true;
            ::fcntl(fd, F_SETPIPE_SZ, pipe_size);
        }
    const auto spliced = either ? splice_directly(in, out) : splice_through_pipe(in, out);
    return spliced == flow::unspliceable ? copy(in, out) : spliced;
}

/// Its reader sees the end, and its number stays taken.
void end_output(int out) {
    ::shutdown(out, SHUT_WR); // of a socket that may be standard input too
    const descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!nowhere || ::dup2(nowhere.get(), out) < 0) ::close(out);
}

} // namespace

void relay(int in, int out, const descriptor& connection) {
    const int socket = connection.get();
    ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    // The thread may outlive the connection: it has a descriptor of its own, which no other file takes over.
    descriptor own(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    std::promise<void> sent;
    auto all_sent = sent.get_future();
    std::thread([in, to = std::move(own), sent = std::move(sent)]() mutable {
        // What cannot be read any more has ended.
        carry(in, to.get());
        ::shutdown(to.get(), SHUT_WR);
        sent.set_value();
    }).detach();
    if (carry(socket, out) == flow::broken) return;
    end_output(out);
    all_sent.wait();
}

result<void> pass_descriptor(int to, const descriptor& connection) {
    char byte = 0;
    iovec content{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto& rights = *CMSG_FIRSTHDR(&message);
    rights.cmsg_level = SOL_SOCKET;
    rights.cmsg_type = SCM_RIGHTS;
    rights.cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = connection.get();
    std::memcpy(CMSG_DATA(&rights), &fd, sizeof fd);
    for (;;) {
        if (::sendmsg(to, &message, 0) == 1) return {};
        if (errno == EAGAIN)
            await(to, POLLOUT);
        else if (errno != EINTR)
            return error{std::string("cannot hand the connection over: ") + std::strerror(errno)};
    }
}

} // namespace chronoknock::io

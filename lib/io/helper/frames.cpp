#include "io/helper/frames.hpp"

#include "base/reader.hpp"
#include "base/writer.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace chronoknock::io {

namespace {

constexpr int longest_queue = 1000; // ms: the helper forks for each request, and waits for none

error failure(const char* action) { return {std::string("helper: ") + action + ": " + std::strerror(errno)}; }

/// A message of one byte, with room for one descriptor.
struct message_head {
    explicit message_head(std::uint8_t& mark) : byte{&mark, 1} {
        message.msg_iov = &byte;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    message_head(const message_head&) = delete;

    iovec byte;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
};

/// Reads all of it, until the deadline at most.
result<void> receive_all(int stream, std::span<char> into, instant deadline) {
    while (!into.empty()) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - boot_now()).count();
        if (left <= 0) return error{"helper: no answer in time"};
        pollfd one{stream, POLLIN, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
        if (ready < 0 && errno != EINTR) return failure("waiting");
        if (ready <= 0) continue;
        const auto n = ::read(stream, into.data(), into.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != ECONNRESET) return failure("reading");
        if (n <= 0) return error{"helper: it has ended, or has too much to do"};
        into = into.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

} // namespace

result<std::pair<descriptor, descriptor>> socket_pair(int type) {
    int ends[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) return failure("a pair of sockets");
    return {boost::system::in_place_value, descriptor(ends[0]), descriptor(ends[1])};
}

bool send_descriptor(int channel, std::uint8_t mark, int passed) {
    message_head m(mark);
    auto* const head = CMSG_FIRSTHDR(&m.message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
    ssize_t n = 0;
    // Asio, which watches the channel for its end, has made it nonblocking.
    while ((n = ::sendmsg(channel, &m.message, MSG_NOSIGNAL)) < 0 && (errno == EINTR || errno == EAGAIN)) {
        pollfd room{channel, POLLOUT, 0};
        if (errno == EAGAIN && ::poll(&room, 1, longest_queue) <= 0) return false;
    }
    return n == 1;
}

std::optional<passed_descriptor> receive_descriptor(int channel) {
    passed_descriptor got;
    message_head m(got.mark);
    ssize_t n = 0;
    while ((n = ::recvmsg(channel, &m.message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    if (n != 1) return {};
    const auto* const head = CMSG_FIRSTHDR(&m.message);
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(sizeof(int)))
        return {};
    int passed = -1;
    std::memcpy(&passed, CMSG_DATA(head), sizeof passed);
    got.passed = descriptor(passed);
    return got;
}

bool send_frame(int stream, std::string_view bytes) {
    writer length;
    length.u32(static_cast<std::uint32_t>(bytes.size()));
    for (std::string_view part : {std::string_view(length.text()), bytes})
        while (!part.empty()) {
            const auto n = ::send(stream, part.data(), part.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            part.remove_prefix(static_cast<std::size_t>(n));
        }
    return true;
}

result<key::secret_text> receive_frame(int stream, std::size_t most, nanoseconds patience) {
    const auto deadline = boot_now() + patience;
    char length[4];
    if (const auto done = receive_all(stream, length, deadline); !done) return done.error();
    const auto size = reader(bytes_of({length, sizeof length})).u32();
    if (size > most) return error{"helper: expected at most " + std::to_string(most) + " bytes"};
    key::secret_text text(size, '\0');
    if (const auto done = receive_all(stream, text, deadline); !done) return done.error();
    return {boost::system::in_place_value, std::move(text)};
}

} // namespace chronoknock::io

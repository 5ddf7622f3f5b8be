#include "io/helper/packet_sockets.hpp"

#include "io/system/descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <utility>

namespace chronoknock::io {

namespace {

/// As in linux/seccomp.h since Linux 5.14; older headers lack it.
constexpr unsigned answers_too = 1u << 1; // SECCOMP_ADDFD_FLAG_SEND

bool may_have(const seccomp_data& call) {
    if (call.nr != SYS_socket) return false;
    const auto kind = call.args[1] & ~static_cast<unsigned long long>(SOCK_CLOEXEC | SOCK_NONBLOCK);
    const auto family = call.args[0], protocol = call.args[2];
    return family == AF_PACKET && (kind == SOCK_RAW || kind == SOCK_DGRAM) && protocol <= 0xffff;
}

void answer(int listener, unsigned long long id, int number, long long value = 0) {
    seccomp_notif_resp response{};
    response.id = id;
    response.error = -number;
    response.val = value;
    ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/// Gives whoever asked the descriptor; false, and errno, if it cannot.
bool hand_over(int listener, unsigned long long id, int passed) {
    seccomp_notif_addfd added{};
    added.id = id;
    added.flags = answers_too;
    added.srcfd = static_cast<unsigned>(passed);
    added.newfd_flags = O_CLOEXEC;
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0) return true;
    if (errno != EINVAL) return false;
    added.flags = 0; // before Linux 5.14 in two steps
    const int number = ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &added);
    if (number >= 0) answer(listener, id, 0, number);
    return number >= 0;
}

} // namespace

void open_packet_socket(int listener) {
    seccomp_notif asked{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) return; // whoever asked is gone
    if (!may_have(asked.data)) return answer(listener, asked.id, EPERM);
    const auto argument = [&](int n) { return static_cast<int>(asked.data.args[n]); };
    const descriptor opened(::socket(argument(0), argument(1) | SOCK_CLOEXEC, argument(2)));
    if (!opened || !hand_over(listener, asked.id, opened.get())) answer(listener, asked.id, errno);
}

} // namespace chronoknock::io

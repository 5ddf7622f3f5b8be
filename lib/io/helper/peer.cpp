#include "io/helper/peer.hpp"

#include "io/system/cgroup.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr int of_peer_pidfd = 77;     // SO_PEERPIDFD, since Linux 6.5; older headers lack it
constexpr int of_netns_cookie = 71;   // SO_NETNS_COOKIE, since Linux 5.14
constexpr int longest_start = 20'000; // ms: systemd starts a process
constexpr std::uint8_t greeting = 1;
constexpr std::string_view unit = "/chronoknock.service";

error failure(const std::string& which) { return {which + ": " + std::strerror(errno)}; }

/// By the socket itself where the kernel can: a number may be another process's by now.
descriptor handle_of(int channel, pid_t pid) {
    int handle = -1;
    socklen_t size = sizeof handle;
    if (::getsockopt(channel, SOL_SOCKET, of_peer_pidfd, &handle, &size) == 0) return descriptor(handle);
    if (errno != ENOPROTOOPT) return descriptor();
    return descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// The network namespace of a socket; 0: the kernel does not say (before Linux 5.14).
std::uint64_t namespace_of(int s) {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return ::getsockopt(s, SOL_SOCKET, of_netns_cookie, &cookie, &size) == 0 ? cookie : 0;
}

/// Whether who connects has his socket in the namespace that the helper is in, whose firewall it sets up.
/// (The kernel makes the accepted end in the namespace of the connecting one.)
bool is_in_our_namespace(int channel) {
    const descriptor own(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    return own && namespace_of(own.get()) == namespace_of(channel);
}

bool has_ended(const descriptor& handle) {
    pollfd one{handle.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) != 0;
}

} // namespace

result<descriptor> connect_to_helper(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.size() >= sizeof to.sun_path)
        return error{"helper: expected a path of at most " + std::to_string(sizeof to.sun_path - 1) +
                     " bytes"};
    path.copy(to.sun_path, path.size());
    descriptor channel(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const int on = 1; // before there is anything to be received: the kernel says who has sent it
    if (!channel || ::setsockopt(channel.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        ::connect(channel.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
        return failure("helper: " + path);
    return channel;
}

result<pid_t> await_greeting(int channel) {
    pollfd one{channel, POLLIN, 0};
    if (::poll(&one, 1, longest_start) <= 0) return error{"no helper has started"};
    std::uint8_t mark = 0;
    iovec byte{&mark, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
    msghdr message{};
    message.msg_iov = &byte;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 || mark != greeting)
        return error{"the helper has let us go; its own log says why (journalctl -t chronoknock)"};
    const auto* const head = CMSG_FIRSTHDR(&message);
    ucred who{};
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_CREDENTIALS ||
        head->cmsg_len != CMSG_LEN(sizeof who))
        return error{"the kernel does not say who serves there"};
    std::memcpy(&who, CMSG_DATA(head), sizeof who);
    if (who.uid != 0) return error{"expected root to serve there, found user " + std::to_string(who.uid)};
    const int off = 0;
    ::setsockopt(channel, SOL_SOCKET, SO_PASSCRED, &off, sizeof off);
    return who.pid;
}

result<descriptor> admit_server(int channel, const account& user) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return failure("who connects");
    if (who.uid != user.user)
        return error{"expected the user " + user.name + ", found user " + std::to_string(who.uid)};
    auto handle = handle_of(channel, who.pid);
    if (!handle) return failure("process " + std::to_string(who.pid));
    const auto own = cgroup_of("self");
    const auto its = cgroup_of(std::to_string(who.pid));
    if (own.empty() || its != own.substr(0, own.rfind('/')).append(unit))
        return error{"process " + std::to_string(who.pid) + ": expected a process of the unit" +
                     " chronoknock.service, found one in " + (its.empty() ? "no cgroup" : its)};
    if (!is_in_our_namespace(channel))
        return error{"process " + std::to_string(who.pid) +
                     ": expected one in the helper's network namespace: what puts chronoknock.service into"
                     " another (NetworkNamespacePath=, PrivateNetwork=) goes to chronoknock-helper@.service"
                     " as well"};
    // What was read is of the process that the handle is of, if that lives yet.
    if (has_ended(handle)) return error{"process " + std::to_string(who.pid) + " has ended"};
    return handle;
}

bool greet(int channel) { return ::send(channel, &greeting, 1, MSG_NOSIGNAL) == 1; }

} // namespace chronoknock::io

#include "io/client/path_reports.hpp"

#include "io/client/socket_address.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
// After <time.h>: it needs struct timespec.
#include <linux/errqueue.h>

namespace chronoknock::io {

void keep_path_reports(const descriptor& socket, const address& to) {
    const int on = 1;
    if (to.is_v4())
        ::setsockopt(socket.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    else
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

bool host_reported(const descriptor& socket, const address& host) {
    std::array<char, 64> packet{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec part{packet.data(), packet.size()};
    msghdr m{};
    m.msg_iov = &part;
    m.msg_iovlen = 1;
    m.msg_control = control.data();
    m.msg_controllen = control.size();
    if (::recvmsg(socket.get(), &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
    for (auto* c = CMSG_FIRSTHDR(&m); c != nullptr; c = CMSG_NXTHDR(&m, c)) {
        const bool reports = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                             (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        constexpr std::size_t least = sizeof(sock_extended_err) + sizeof(sockaddr_in);
        if (!reports || c->cmsg_len < CMSG_LEN(least)) continue;
        sock_extended_err e{};
        std::memcpy(&e, CMSG_DATA(c), sizeof e);
        if (e.ee_origin != SO_EE_ORIGIN_ICMP && e.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
        socket_address from;
        const auto size = std::min<std::size_t>(c->cmsg_len - CMSG_LEN(sizeof e), sizeof(sockaddr_in6));
        std::memcpy(&from.storage, CMSG_DATA(c) + sizeof e, size);
        if (const auto who = to_destination(from.get()); who && who->ip == host) return true;
    }
    return false;
}

} // namespace chronoknock::io

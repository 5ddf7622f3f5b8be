#include "io/client/route.hpp"

#include "io/firewall/netlink.hpp"
#include "io/system/descriptor.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace chronoknock::io {

namespace {

/// The interface that the route to an address without a gateway leaves by; 0: there is none.
unsigned link_towards(const destination& to) {
    const auto socket = open_netlink(NETLINK_ROUTE);
    if (!socket) return 0;
    alignas(nlmsghdr) char buffer[8192];
    auto& request = *mnl_nlmsg_put_header(buffer);
    request.nlmsg_type = RTM_GETROUTE;
    request.nlmsg_flags = NLM_F_REQUEST;
    auto& head = *static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(&request, sizeof(rtmsg)));
    const auto bytes = to.ip.bytes();
    head.rtm_family = to.ip.is_v4() ? AF_INET : AF_INET6;
    head.rtm_dst_len = static_cast<unsigned char>(bytes.size() * 8);
    mnl_attr_put(&request, RTA_DST, bytes.size(), bytes.data());
    if (to.scope != 0) mnl_attr_put_u32(&request, RTA_OIF, to.scope);
    if (mnl_socket_sendto(socket->get(), &request, request.nlmsg_len) < 0) return 0;
    const auto size = mnl_socket_recvfrom(socket->get(), buffer, sizeof buffer);
    const auto& answer = *reinterpret_cast<const nlmsghdr*>(buffer);
    if (size <= 0 || !mnl_nlmsg_ok(&answer, static_cast<int>(size)) || answer.nlmsg_type != RTM_NEWROUTE)
        return 0;
    const auto found = attributes<RTA_VIA>::of(answer, sizeof(rtmsg));
    if (found[RTA_GATEWAY] || found[RTA_VIA] || !found[RTA_OIF]) return 0;
    return mnl_attr_get_u32(found[RTA_OIF]);
}

} // namespace

bool is_on_link(const destination& to) {
    ifreq interface{};
    const auto number = link_towards(to);
    if (number == 0 || ::if_indextoname(number, interface.ifr_name) == nullptr) return false;
    const descriptor any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!any || ::ioctl(any.get(), SIOCGIFFLAGS, &interface) != 0) return false;
    return (interface.ifr_flags & (IFF_BROADCAST | IFF_LOOPBACK)) != 0;
}

} // namespace chronoknock::io

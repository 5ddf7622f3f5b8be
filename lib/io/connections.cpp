#include "io/connections.hpp"

#include "io/netlink.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sstream>

namespace chronoknock::io {

using firewall::flow;

namespace {

/// The flow of a conntrack entry's original direction; nothing if it is of another protocol, or not answered.
std::optional<flow> flow_of(const nlmsghdr& m) {
    const auto entry = attributes<CTA_STATUS>::of(m, sizeof(nfgenmsg));
    if (!(entry.u32(CTA_STATUS) & IPS_SEEN_REPLY)) return {};
    const auto tuple = attributes<CTA_TUPLE_PROTO>::in(entry[CTA_TUPLE_ORIG]);
    const auto ip = attributes<CTA_IP_V6_SRC>::in(tuple[CTA_TUPLE_IP]);
    const auto ports = attributes<CTA_PROTO_DST_PORT>::in(tuple[CTA_TUPLE_PROTO]);
    flow f;
    if (const auto v4 = ip.bytes(CTA_IP_V4_SRC); v4.size() == 4)
        f.peer = address::v4(v4.first<4>());
    else if (const auto v6 = ip.bytes(CTA_IP_V6_SRC); v6.size() == 16)
        f.peer = address::v6(v6.first<16>());
    else
        return {};
    switch (ports.u8(CTA_PROTO_NUM).value_or(0)) {
    case IPPROTO_TCP:
        f.protocol = transport::tcp;
        break;
    case IPPROTO_UDP:
        f.protocol = transport::udp;
        break;
    default:
        return {};
    }
    f.peer_port = ports.u16(CTA_PROTO_SRC_PORT);
    f.port = ports.u16(CTA_PROTO_DST_PORT);
    return f;
}

} // namespace

std::vector<flow> open_connections() {
    std::vector<flow> all;
    for (const auto* path : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        const auto some = firewall::parse_proc_net_tcp(text.view());
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::vector<flow> tracked_flows() {
    std::vector<flow> all;
    const auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return all;
    alignas(nlmsghdr) char buffer[256];
    auto* const request = mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
    auto* const head = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    head->nfgen_family = AF_UNSPEC;
    head->version = NFNETLINK_V0;
    (void)netlink_dump(**socket, *request, [&](const nlmsghdr& m) {
        if (const auto f = flow_of(m)) all.push_back(*f);
    });
    return all;
}

void destroy(std::span<const flow> connections) {
    const auto socket = open_netlink(NETLINK_SOCK_DIAG);
    if (!socket || connections.empty()) return;
    struct listed {
        inet_diag_sockid id;
        std::uint8_t family;
    };
    std::vector<listed> found;
    for (const auto family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        alignas(nlmsghdr) char buffer[256];
        auto* const request = mnl_nlmsg_put_header(buffer);
        request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        auto* const asked =
            static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
        asked->sdiag_family = family;
        asked->sdiag_protocol = IPPROTO_TCP;
        asked->idiag_states = ~0u;
        (void)netlink_dump(**socket, *request, [&](const nlmsghdr& m) {
            if (mnl_nlmsg_get_payload_len(&m) < sizeof(inet_diag_msg)) return;
            const auto& d = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&m));
            const auto* const bytes = reinterpret_cast<const std::uint8_t*>(d.id.idiag_dst);
            const flow f{transport::tcp,
                         family == AF_INET ? address::v4(std::span<const std::uint8_t, 4>(bytes, 4))
                                           : address::v6(std::span<const std::uint8_t, 16>(bytes, 16)),
                         ntohs(d.id.idiag_dport), ntohs(d.id.idiag_sport)};
            if (std::ranges::find(connections, f) != connections.end()) found.push_back({d.id, family});
        });
    }
    for (const auto& one : found) {
        alignas(nlmsghdr) char buffer[256];
        auto* const request = mnl_nlmsg_put_header(buffer);
        request->nlmsg_type = SOCK_DESTROY;
        request->nlmsg_flags = NLM_F_REQUEST;
        auto* const asked =
            static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
        asked->sdiag_family = one.family;
        asked->sdiag_protocol = IPPROTO_TCP;
        asked->idiag_states = ~0u;
        asked->id = one.id;
        (void)mnl_socket_sendto(socket->get(), request, request->nlmsg_len);
    }
}

bool legacy_translates() {
    for (const auto* path :
         {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}) {
        std::ifstream names(path);
        for (std::string name; names >> name;)
            if (name == "nat") return true;
    }
    return false;
}

} // namespace chronoknock::io

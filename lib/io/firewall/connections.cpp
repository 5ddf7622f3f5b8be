#include "io/firewall/connections.hpp"

#include "io/firewall/netlink.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sstream>
#include <string>

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
    const auto peer = address_of(ip.bytes(ip[CTA_IP_V4_SRC] ? CTA_IP_V4_SRC : CTA_IP_V6_SRC));
    if (!peer) return {};
    flow f;
    f.peer = *peer;
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

bool is_established(const nlmsghdr& m) {
    const auto entry = attributes<CTA_PROTOINFO>::of(m, sizeof(nfgenmsg));
    const auto info = attributes<CTA_PROTOINFO_MAX>::in(entry[CTA_PROTOINFO]);
    const auto tcp = attributes<CTA_PROTOINFO_TCP_MAX>::in(info[CTA_PROTOINFO_TCP]);
    return tcp.u8(CTA_PROTOINFO_TCP_STATE) == TCP_CONNTRACK_ESTABLISHED;
}

std::vector<flow> flows_in_conntrack(const std::function<bool(const nlmsghdr&)>& meant) {
    std::vector<flow> all;
    const auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return all;
    alignas(nlmsghdr) char buffer[256];
    auto& request = netfilter_request(buffer, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, AF_UNSPEC);
    (void)netlink_dump(**socket, request, [&](const nlmsghdr& m) {
        if (!meant(m)) return;
        if (const auto f = flow_of(m)) all.push_back(*f);
    });
    return all;
}

constexpr const char* tables_of_tcp[] = {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"};

std::string text_of_file(const char* path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return std::move(text).str();
}

nlmsghdr& diag_request(void* buffer, std::uint16_t type, const inet_diag_req_v2& what) {
    auto& request = *mnl_nlmsg_put_header(buffer);
    request.nlmsg_type = type;
    request.nlmsg_flags = NLM_F_REQUEST;
    std::memcpy(mnl_nlmsg_put_extra_header(&request, sizeof what), &what, sizeof what);
    return request;
}

} // namespace

std::vector<flow> open_connections() {
    std::vector<flow> all;
    for (const auto* path : tables_of_tcp) {
        const auto some = firewall::parse_proc_net_tcp(text_of_file(path));
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::set<std::uint16_t> listening_ports() {
    std::set<std::uint16_t> all;
    for (const auto* path : tables_of_tcp) all.merge(firewall::parse_listening_ports(text_of_file(path)));
    return all;
}

std::vector<flow> tracked_flows() {
    return flows_in_conntrack([](const nlmsghdr&) { return true; });
}

std::vector<flow> established_flows() { return flows_in_conntrack(is_established); }

void destroy(std::span<const flow> connections) {
    const auto socket = open_netlink(NETLINK_SOCK_DIAG);
    if (!socket || connections.empty()) return;
    std::vector<inet_diag_req_v2> found;
    for (const auto family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        inet_diag_req_v2 all{};
        all.sdiag_family = family;
        all.sdiag_protocol = IPPROTO_TCP;
        all.idiag_states = ~0u;
        alignas(nlmsghdr) char buffer[256];
        (void)netlink_dump(**socket, diag_request(buffer, SOCK_DIAG_BY_FAMILY, all), [&](const nlmsghdr& m) {
            if (mnl_nlmsg_get_payload_len(&m) < sizeof(inet_diag_msg)) return;
            const auto& d = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&m));
            const std::span peer(reinterpret_cast<const std::uint8_t*>(d.id.idiag_dst),
                                 family == AF_INET ? 4u : 16u);
            const flow f{transport::tcp, *address_of(peer), ntohs(d.id.idiag_dport), ntohs(d.id.idiag_sport)};
            if (std::ranges::find(connections, f) == connections.end()) return;
            found.push_back(all);
            found.back().id = d.id;
        });
    }
    for (const auto& one : found) {
        alignas(nlmsghdr) char buffer[256];
        const auto& request = diag_request(buffer, SOCK_DESTROY, one);
        (void)mnl_socket_sendto(socket->get(), &request, request.nlmsg_len);
    }
}

std::size_t cut_sockets(const std::function<bool(const flow&)>& meant) {
    auto all = open_connections();
    std::erase_if(all, [&](const flow& f) { return !meant(f); });
    destroy(all);
    return all.size();
}

std::optional<bool> legacy_translates() {
    for (const auto* path :
         {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}) {
        errno = 0;
        std::ifstream names(path);
        if (!names && errno == EACCES) return {};
        for (std::string name; names >> name;)
            if (name == "nat") return true;
    }
    return false;
}

} // namespace chronoknock::io

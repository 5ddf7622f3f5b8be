#include "io/firewall/netlink.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace chronoknock::io {

netlink_result<netlink_ptr> open_netlink(int family, int flags) {
    netlink_ptr socket(mnl_socket_open2(family, SOCK_CLOEXEC | flags));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return last_error();
    const timeval patience{1, 0};
    setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
}

nlmsghdr& netfilter_request(void* buffer, int type, std::uint8_t family) {
    auto& request = *mnl_nlmsg_put_header(buffer);
    request.nlmsg_type = static_cast<std::uint16_t>(type);
    request.nlmsg_flags = NLM_F_REQUEST;
    auto* const head = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(&request, sizeof(nfgenmsg)));
    head->nfgen_family = family;
    head->version = NFNETLINK_V0;
    return request;
}

std::optional<address> address_of(std::span<const std::uint8_t> bytes) {
    if (bytes.size() == 4) return address::v4(bytes.first<4>());
    if (bytes.size() == 16) return address::v6(bytes.first<16>());
    return {};
}

netlink_result<void> netlink_receive(mnl_socket& socket, std::span<std::byte> buffer, std::uint32_t first,
                                     std::uint32_t last, const std::function<void(const nlmsghdr&)>& each) {
    boost::system::error_code failure;
    for (;;) {
        const auto n = mnl_socket_recvfrom(&socket, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error();
        int left = static_cast<int>(n);
        for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (static_cast<std::int32_t>(m->nlmsg_seq - first) < 0) continue; // late news of an older batch
            if (m->nlmsg_flags & NLM_F_DUMP_INTR) failure = last_error(EINTR);
            if (m->nlmsg_type == NLMSG_ERROR) {
                const int number = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error;
                if (number != 0 && !failure) failure = last_error(number);
                if (number != 0 && m->nlmsg_seq == first) return failure;
            } else if (m->nlmsg_type != NLMSG_DONE && each) {
                each(*m);
            }
            const bool more = m->nlmsg_flags & NLM_F_MULTI && m->nlmsg_type != NLMSG_DONE;
            if (m->nlmsg_seq != last || more) continue;
            if (failure) return failure;
            return {};
        }
    }
}

netlink_result<void> netlink_dump(mnl_socket& socket, nlmsghdr& request,
                                  const std::function<void(const nlmsghdr&)>& each) {
    request.nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
    if (mnl_socket_sendto(&socket, &request, request.nlmsg_len) < 0) return last_error();
    std::vector<std::byte> answer(64 * 1024);
    for (;;) {
        const auto n = mnl_socket_recvfrom(&socket, answer.data(), answer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error();
        int left = static_cast<int>(n);
        for (auto* m = reinterpret_cast<const nlmsghdr*>(answer.data()); mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_type == NLMSG_DONE) return {};
            if (m->nlmsg_type == NLMSG_ERROR)
                return last_error(-static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error);
            each(*m);
        }
    }
}

} // namespace chronoknock::io

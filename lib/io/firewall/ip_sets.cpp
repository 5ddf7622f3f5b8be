#include "io/firewall/ip_sets.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

namespace chronoknock::io {

namespace {

// The oldest that today's kernels speak, and the newest of Linux before 4.20.
constexpr std::uint8_t protocol = 6;
// The kernel's IPSET_MAX_TIMEOUT: beyond it a sum in it would overflow.
constexpr std::int64_t most_seconds = std::numeric_limits<std::uint32_t>::max() / 1000 / 2;
constexpr std::size_t most_request = 512;

// The kernel's IPSET_ATTR_BITMASK (Linux 6.2), which older headers do not have.
constexpr int bitmask = 12;

using header_of = attributes<IPSET_ATTR_CMD_MAX>;
using data_of = attributes<IPSET_ATTR_ADT_MAX>;

nlmsghdr& begin(void* buffer, int command, const set_place& p) {
    auto& m = netfilter_request(buffer, NFNL_SUBSYS_IPSET << 8 | command,
                                static_cast<std::uint8_t>(p.family == 4 ? AF_INET : AF_INET6));
    mnl_attr_put_u8(&m, IPSET_ATTR_PROTOCOL, protocol);
    mnl_attr_put_strz(&m, IPSET_ATTR_SETNAME, p.name.c_str());
    return m;
}

void put_u32(nlmsghdr& m, int type, std::uint32_t value) {
    mnl_attr_put_u32(&m, static_cast<std::uint16_t>(type | NLA_F_NET_BYTEORDER), htobe32(value));
}

void put_member(nlmsghdr& m, const address& who, std::optional<std::uint32_t> timeout) {
    auto* const data = mnl_attr_nest_start(&m, IPSET_ATTR_DATA);
    auto* const ip = mnl_attr_nest_start(&m, IPSET_ATTR_IP);
    const int type = who.is_v4() ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6;
    mnl_attr_put(&m, static_cast<std::uint16_t>(type | NLA_F_NET_BYTEORDER), who.bytes().size(),
                 who.bytes().data());
    mnl_attr_nest_end(&m, ip);
    if (timeout) put_u32(m, IPSET_ATTR_TIMEOUT, *timeout);
    mnl_attr_nest_end(&m, data);
}

std::optional<set_member> member_in(const nlattr* one) {
    const auto data = data_of::in(one);
    const auto ip = attributes<IPSET_ATTR_IPADDR_MAX>::in(data[IPSET_ATTR_IP]);
    const auto who =
        address_of(ip.bytes(ip[IPSET_ATTR_IPADDR_IPV4] ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6));
    if (!who) return {};
    set_member m{*who, {}, false};
    if (const auto left = data.u32(IPSET_ATTR_TIMEOUT); left != 0) m.left = seconds(left);
    m.ours = m.left.has_value();
    return m;
}

class ip_sets final : public address_sets {
public:
    explicit ip_sets(netlink_ptr s) : socket_(std::move(s)) {}

    netlink_result<sight> look(const set_place& p) override {
        sight seen;
        const auto done = dump(p, IPSET_FLAG_LIST_HEADER, [&](const nlmsghdr& m) {
            const auto h = header_of::of(m, sizeof(nfgenmsg));
            const auto d = attributes<IPSET_ATTR_CREATE_MAX>::in(h[IPSET_ATTR_DATA]);
            const auto family = h.u8(IPSET_ATTR_FAMILY).value_or(0);
            if (h.text(IPSET_ATTR_TYPENAME) != "hash:ip" || family != (p.family == 4 ? AF_INET : AF_INET6) ||
                !d[IPSET_ATTR_TIMEOUT] || d[IPSET_ATTR_NETMASK] || d[bitmask])
                seen.unfit = std::string("expected hash:ip family ") + (p.family == 4 ? "inet" : "inet6") +
                             " timeout 0, without netmask or bitmask";
            seen.empty = d.u32(IPSET_ATTR_ELEMENTS) == 0;
            seen.referred = d.u32(IPSET_ATTR_REFERENCES) != 0;
        });
        if (!done) return done.error();
        return seen;
    }

    netlink_result<std::optional<set_member>> find(const set_place& p, const address& who) override {
        auto& m = begin(buffer_.data(), IPSET_CMD_TEST, p);
        put_member(m, who, {});
        const auto there = ask(m);
        if (!there && there.error().value() == IPSET_ERR_EXIST) return std::optional<set_member>();
        if (!there) return there.error();
        // For how long only the whole list tells, which is asked for where others have put it there.
        return std::optional(set_member{who, milliseconds(0), true});
    }

    netlink_result<void> put(const set_place& p, const address& who, milliseconds timeout) override {
        auto& m = begin(buffer_.data(), IPSET_CMD_ADD, p);
        const auto whole = std::chrono::ceil<seconds>(timeout).count();
        put_member(m, who, static_cast<std::uint32_t>(std::clamp<std::int64_t>(whole, 1, most_seconds)));
        return ask(m);
    }

    netlink_result<void> put_theirs(const set_place& p, const set_member& m) override {
        return put(p, m.who, *m.left);
    }

    netlink_result<void> take(const set_place& p, const address& who) override {
        auto& m = begin(buffer_.data(), IPSET_CMD_DEL, p);
        put_member(m, who, {});
        return ask(m);
    }

    netlink_result<void> list(const set_place& p,
                              const std::function<void(const set_member&)>& each) override {
        return dump(p, 0, [&](const nlmsghdr& m) {
            for_each_nested(header_of::of(m, sizeof(nfgenmsg))[IPSET_ATTR_ADT], [&](const nlattr* one) {
                if (const auto member = member_in(one)) each(*member);
            });
        });
    }

private:
    netlink_result<void> dump(const set_place& p, std::uint32_t flags,
                              const std::function<void(const nlmsghdr&)>& each) {
        // A socket of its own: what an answer that was cut short left is none to the next request.
        const auto socket = open_netlink(NETLINK_NETFILTER);
        if (!socket) return socket.error();
        auto& m = begin(buffer_.data(), IPSET_CMD_LIST, p);
        if (flags) put_u32(m, IPSET_ATTR_FLAGS, flags);
        return netlink_dump(**socket, m, each);
    }

    /// Without NLM_F_EXCL what is there already, or not there, is no failure.
    netlink_result<void> ask(nlmsghdr& m) {
        m.nlmsg_flags |= NLM_F_ACK;
        m.nlmsg_seq = ++sequence_;
        if (mnl_socket_sendto(socket_.get(), &m, m.nlmsg_len) < 0) return last_error();
        return netlink_receive(*socket_, answer_, sequence_, sequence_);
    }

    netlink_ptr socket_;
    std::uint32_t sequence_ = 0;
    alignas(nlmsghdr) std::array<std::byte, most_request> buffer_{};
    alignas(nlmsghdr) std::array<std::byte, 8192> answer_{};
};

} // namespace

netlink_result<std::unique_ptr<address_sets>> open_ip_sets() {
    auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return socket.error();
    return std::unique_ptr<address_sets>(std::make_unique<ip_sets>(std::move(*socket)));
}

} // namespace chronoknock::io

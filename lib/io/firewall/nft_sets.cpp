#include "io/firewall/nft_sets.hpp"

#include "io/firewall/nft_builder.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace chronoknock::io {

namespace {

// What nft calls types of keys (its enum datatypes).
constexpr std::uint32_t type_ipaddr = 7, type_ip6addr = 8;

// nft's comment: type 0, the length, the text with its zero (libnftnl, udata.h).
constexpr std::array<std::uint8_t, 14> mark{0, 12, 'c', 'h', 'r', 'o', 'n', 'o', 'k', 'n', 'o', 'c', 'k', 0};

// Names are bounded by firewall::most_set_name, comments by the kernel, to 256 bytes.
constexpr std::size_t most_request = 768;
constexpr std::size_t messages = 5; // of the longest batch

using elements_of = attributes<NFTA_SET_ELEM_LIST_ELEMENTS>;
using element_in = attributes<NFTA_SET_ELEM_USERDATA>;

std::uint8_t family_of(const set_place& p) {
    return p.table.family == "inet" ? NFPROTO_INET : p.table.family == "ip" ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/// Without a timeout: to ask for it, or take it out.
void put_member(nlmsghdr& m, const set_place& p, const address& who, std::optional<milliseconds> timeout,
                std::span<const std::uint8_t> comment = {}) {
    mnl_attr_put_strz(&m, NFTA_SET_ELEM_LIST_TABLE, p.table.name.c_str());
    mnl_attr_put_strz(&m, NFTA_SET_ELEM_LIST_SET, p.name.c_str());
    auto* const list = mnl_attr_nest_start(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
    auto* const one = mnl_attr_nest_start(&m, NFTA_LIST_ELEM);
    auto* const key = mnl_attr_nest_start(&m, NFTA_SET_ELEM_KEY);
    mnl_attr_put(&m, NFTA_DATA_VALUE, who.bytes().size(), who.bytes().data());
    mnl_attr_nest_end(&m, key);
    if (timeout) {
        const auto whole = static_cast<std::uint64_t>(std::max(*timeout, milliseconds(1)).count());
        mnl_attr_put_u64(&m, NFTA_SET_ELEM_TIMEOUT, htobe64(whole));
        if (!comment.empty()) mnl_attr_put(&m, NFTA_SET_ELEM_USERDATA, comment.size(), comment.data());
    }
    mnl_attr_nest_end(&m, one);
    mnl_attr_nest_end(&m, list);
}

std::optional<set_member> member_in(const nlattr* one) {
    const auto e = element_in::in(one);
    const auto who = address_of(attributes<NFTA_DATA_VALUE>::in(e[NFTA_SET_ELEM_KEY]).bytes(NFTA_DATA_VALUE));
    if (!who) return {};
    set_member m{*who, {}, false};
    if (e[NFTA_SET_ELEM_EXPIRATION])
        m.left = milliseconds(static_cast<std::int64_t>(e.u64(NFTA_SET_ELEM_EXPIRATION)));
    const auto said = e.bytes(NFTA_SET_ELEM_USERDATA);
    m.ours = m.left && std::ranges::equal(said, mark);
    m.comment.assign(said.begin(), said.end());
    return m;
}

class nft_sets final : public address_sets {
public:
    explicit nft_sets(netlink_ptr s) : socket_(std::move(s)) {}

    std::uint32_t port() const override { return mnl_socket_get_portid(socket_.get()); }

    netlink_result<sight> look(const set_place& p) override {
        // Handles of sets count from 1 in each table: those of a table that was made anew are as before.
        start();
        mnl_attr_put_strz(&message(NFT_MSG_GETTABLE, p, 0), NFTA_TABLE_NAME, p.table.name.c_str());
        std::uint64_t table = 0;
        const auto there = ask([&](const nlmsghdr& answer) {
            table = attributes<NFTA_TABLE_HANDLE>::of(answer, sizeof(nfgenmsg)).u64(NFTA_TABLE_HANDLE);
        });
        if (!there) return there.error();
        start();
        auto& m = message(NFT_MSG_GETSET, p, 0);
        mnl_attr_put_strz(&m, NFTA_SET_TABLE, p.table.name.c_str());
        mnl_attr_put_strz(&m, NFTA_SET_NAME, p.name.c_str());
        sight seen;
        const auto done = ask([&](const nlmsghdr& answer) {
            const auto s = attributes<NFTA_SET_HANDLE>::of(answer, sizeof(nfgenmsg));
            const auto flags = s.u32(NFTA_SET_FLAGS);
            const auto type = p.family == 4 ? type_ipaddr : type_ip6addr;
            if (s.u32(NFTA_SET_KEY_TYPE) != type || !(flags & NFT_SET_TIMEOUT) ||
                (flags & (NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_CONSTANT)))
                seen.unfit = std::string("expected a set with type ") +
                             (p.family == 4 ? "ipv4_addr" : "ipv6_addr") +
                             " and flags timeout, without interval";
            seen.handle = table << 32 | (s.u64(NFTA_SET_HANDLE) & 0xffffffff);
        });
        if (!done) return done.error();
        return seen;
    }

    netlink_result<std::optional<set_member>> find(const set_place& p, const address& who) override {
        start();
        put_member(message(NFT_MSG_GETSETELEM, p, 0), p, who, {});
        std::optional<set_member> found;
        const auto done = ask([&](const nlmsghdr& answer) {
            for_each_nested(elements_of::of(answer, sizeof(nfgenmsg))[NFTA_SET_ELEM_LIST_ELEMENTS],
                            [&](const nlattr* one) { found = member_in(one); });
        });
        if (!done && done.error() != boost::system::errc::no_such_file_or_directory) return done.error();
        return found;
    }

    netlink_result<void> put(const set_place& p, const address& who, milliseconds timeout) override {
        return put(p, who, timeout, mark);
    }

    netlink_result<void> put_theirs(const set_place& p, const set_member& m) override {
        return put(p, m.who, *m.left, m.comment);
    }

    netlink_result<void> take(const set_place& p, const address& who) override {
        begin_batch();
        put_member(message(NFT_MSG_DELSETELEM, p, NLM_F_ACK), p, who, {});
        auto done = commit();
        if (!done && done.error() == boost::system::errc::no_such_file_or_directory) return {};
        return done;
    }

    netlink_result<void> list(const set_place& p,
                              const std::function<void(const set_member&)>& each) override {
        const auto socket = open_netlink(NETLINK_NETFILTER);
        if (!socket) return socket.error();
        start();
        auto& m = message(NFT_MSG_GETSETELEM, p, 0);
        mnl_attr_put_strz(&m, NFTA_SET_ELEM_LIST_TABLE, p.table.name.c_str());
        mnl_attr_put_strz(&m, NFTA_SET_ELEM_LIST_SET, p.name.c_str());
        return netlink_dump(**socket, m, [&](const nlmsghdr& answer) {
            for_each_nested(elements_of::of(answer, sizeof(nfgenmsg))[NFTA_SET_ELEM_LIST_ELEMENTS],
                            [&](const nlattr* one) {
                                if (const auto member = member_in(one)) each(*member);
                            });
        });
    }

private:
    netlink_result<void> put(const set_place& p, const address& who, milliseconds timeout,
                             std::span<const std::uint8_t> comment) {
        // Before Linux 6.12 adding what is there does not renew its time, and to delete what is not there
        // fails.
        begin_batch();
        put_member(message(NFT_MSG_NEWSETELEM, p, NLM_F_CREATE), p, who, timeout, comment);
        put_member(message(NFT_MSG_DELSETELEM, p, 0), p, who, {});
        put_member(message(NFT_MSG_NEWSETELEM, p, NLM_F_CREATE | NLM_F_ACK), p, who, timeout, comment);
        return commit();
    }

    void start() {
        size_ = 0;
        last_ = nullptr;
        first_sequence_ = sequence_ + 1;
    }
    nlmsghdr& begin(int type, std::uint8_t family, int flags) {
        finish();
        last_ = &netfilter_request(buffer_.data() + size_, type, family);
        last_->nlmsg_flags = static_cast<std::uint16_t>(last_->nlmsg_flags | flags);
        last_->nlmsg_seq = ++sequence_;
        return *last_;
    }
    nlmsghdr& message(int type, const set_place& p, int flags) {
        return begin(message_type(type), family_of(p), flags);
    }
    void finish() {
        if (last_) size_ += MNL_ALIGN(last_->nlmsg_len);
        last_ = nullptr;
    }
    void edge(int type) {
        auto& m = begin(type, AF_UNSPEC, 0);
        static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(&m))->res_id = htons(NFNL_SUBSYS_NFTABLES);
    }
    void begin_batch() {
        start();
        edge(NFNL_MSG_BATCH_BEGIN);
    }
    netlink_result<void> commit() {
        const auto answered = sequence_;
        edge(NFNL_MSG_BATCH_END);
        return exchange(answered, {});
    }
    netlink_result<void> ask(const std::function<void(const nlmsghdr&)>& each) {
        return exchange(sequence_, each);
    }

    netlink_result<void> exchange(std::uint32_t last, const std::function<void(const nlmsghdr&)>& each) {
        finish();
        if (mnl_socket_sendto(socket_.get(), buffer_.data(), size_) < 0) return last_error();
        return netlink_receive(*socket_, answer_, first_sequence_, last, each);
    }

    netlink_ptr socket_;
    std::uint32_t sequence_ = 0, first_sequence_ = 1;
    std::size_t size_ = 0;
    nlmsghdr* last_ = nullptr;
    alignas(nlmsghdr) std::array<std::byte, messages * most_request> buffer_{};
    alignas(nlmsghdr) std::array<std::byte, 8192> answer_{};
};

} // namespace

netlink_result<std::unique_ptr<address_sets>> open_nft_sets() {
    auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return socket.error();
    return std::unique_ptr<address_sets>(std::make_unique<nft_sets>(std::move(*socket)));
}

} // namespace chronoknock::io

#include "io/firewall/flow_cut.hpp"

#include "firewall/chains.hpp"
#include "io/firewall/connections.hpp"
#include "io/firewall/flow_key.hpp"
#include "io/firewall/nft_builder.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace chronoknock::io {

using firewall::flow;
using firewall::flow_set;

namespace {

constexpr std::size_t most_at_once = 500;
constexpr int most_rounds = 4;         // a segment that was on its way may have renewed what was just deleted
constexpr std::uint64_t moment = 1000; // ms

struct element {
    const flow_set* set;
    std::vector<std::uint8_t> key;
    flow which;
};

using is_meant = std::function<bool(const flow&)>;

netlink_result<std::vector<element>> find(mnl_socket& socket, const std::string& table,
                                          const is_meant& meant) {
    std::vector<element> found;
    for (const auto& set : firewall::flow_sets) {
        alignas(nlmsghdr) char buffer[256];
        auto& request = netfilter_request(buffer, message_type(NFT_MSG_GETSETELEM), NFPROTO_INET);
        mnl_attr_put_strz(&request, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
        mnl_attr_put_strz(&request, NFTA_SET_ELEM_LIST_SET, set.name);
        const auto done = netlink_dump(socket, request, [&](const nlmsghdr& m) {
            const auto list = attributes<NFTA_SET_ELEM_LIST_ELEMENTS>::of(m, sizeof(nfgenmsg));
            for_each_nested(list[NFTA_SET_ELEM_LIST_ELEMENTS], [&](const nlattr* one) {
                const auto of = attributes<NFTA_SET_ELEM_KEY>::in(one);
                const auto key =
                    attributes<NFTA_DATA_VALUE>::in(of[NFTA_SET_ELEM_KEY]).bytes(NFTA_DATA_VALUE);
                if (const auto f = flow_of(set, key); f && meant(*f))
                    found.push_back({&set, {key.begin(), key.end()}, *f});
            });
        });
        if (!done) return done.error();
    }
    return found;
}

/// Messages of one transaction.
class batch {
public:
    explicit batch(std::size_t elements) : buffer_((3 * elements + 2) * most_message) {
        edge(NFNL_MSG_BATCH_BEGIN);
    }
    void change(const std::string& table, const char* set, const element& e, int type, int flags) {
        auto* const m = begin(message_type(type), NFPROTO_INET, flags);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
        auto* const list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        auto* const one = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
        auto* const key = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
        mnl_attr_put(m, NFTA_DATA_VALUE, e.key.size(), e.key.data());
        mnl_attr_nest_end(m, key);
        if (set == e.set->name && type == NFT_MSG_NEWSETELEM)
            mnl_attr_put_u64(m, NFTA_SET_ELEM_TIMEOUT, htobe64(moment));
        mnl_attr_nest_end(m, one);
        mnl_attr_nest_end(m, list);
        end(m);
    }
    netlink_result<void> commit(mnl_socket& socket) {
        edge(NFNL_MSG_BATCH_END);
        if (mnl_socket_sendto(&socket, buffer_.data(), size_) < 0) return last_error();
        std::vector<std::byte> answer(64 * 1024);
        for (;;) {
            const auto n = mnl_socket_recvfrom(&socket, answer.data(), answer.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return last_error();
            int left = static_cast<int>(n);
            for (auto* m = reinterpret_cast<const nlmsghdr*>(answer.data()); mnl_nlmsg_ok(m, left);
                 m = mnl_nlmsg_next(m, &left)) {
                if (m->nlmsg_type != NLMSG_ERROR) continue;
                if (const int e = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(m))->error; e != 0)
                    return last_error(-e);
                if (m->nlmsg_seq == sequence_ - 1)
                    return {}; // the last element's, before the end of the batch
            }
        }
    }

private:
    nlmsghdr* begin(int type, std::uint8_t family, int flags) {
        auto* const m = &netfilter_request(buffer_.data() + size_, type, family);
        m->nlmsg_flags = static_cast<std::uint16_t>(m->nlmsg_flags | flags);
        m->nlmsg_seq = ++sequence_;
        return m;
    }
    void end(const nlmsghdr* m) { size_ += MNL_ALIGN(m->nlmsg_len); }
    void edge(int type) {
        auto* const m = begin(type, AF_UNSPEC, 0);
        static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(m))->res_id = htons(NFNL_SUBSYS_NFTABLES);
        end(m);
    }

    std::vector<std::byte> buffer_;
    std::size_t size_ = 0;
    std::uint32_t sequence_ = 0;
};

/// What the host itself sends admits a UDP peer again, unless the flow is noted as cut.
void note_as_cut(batch& b, const std::string& table, const element& e, int flags) {
    b.change(table, firewall::cut_sets[e.set->family == 4 ? 0 : 1].name, e, NFT_MSG_NEWSETELEM,
             NLM_F_CREATE | flags);
}

/// One transaction, by a socket of its own: the answers to what failed before are none to this.
template <class Fill>
netlink_result<void> transact(std::size_t elements, Fill fill) {
    const auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return socket.error();
    batch b(elements);
    fill(b);
    return b.commit(**socket);
}

/// What is gone already is put in first: to delete what is not there would undo the whole transaction.
netlink_result<void> remove_some(const std::string& table, std::span<const element> some) {
    return transact(some.size(), [&](batch& b) {
        for (const auto& e : some) {
            if (e.set->protocol == transport::udp) note_as_cut(b, table, e, 0);
            b.change(table, e.set->name, e, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
            b.change(table, e.set->name, e, NFT_MSG_DELSETELEM, &e == &some.back() ? NLM_F_ACK : 0);
        }
    });
}

/// Where a set is full, which takes not even what it holds: one by one. Gives what could not be noted.
netlink_result<std::set<flow>> remove_each(const std::string& table, std::span<const element> some) {
    std::set<flow> not_noted;
    for (const auto& e : some) {
        if (e.set->protocol == transport::udp &&
            !transact(1, [&](batch& b) { note_as_cut(b, table, e, NLM_F_ACK); }))
            not_noted.insert(e.which);
        const auto gone =
            transact(1, [&](batch& b) { b.change(table, e.set->name, e, NFT_MSG_DELSETELEM, NLM_F_ACK); });
        if (!gone && gone.error() != boost::system::errc::no_such_file_or_directory) return gone.error();
    }
    return not_noted;
}

/// True if a set took no more (the kernel says ENFILE).
bool is_full(const boost::system::error_code& e) {
    return e == boost::system::errc::too_many_files_open_in_system ||
           e == boost::system::errc::no_space_on_device;
}

/// Gives the UDP peers that could not be noted as cut.
netlink_result<std::set<flow>> remove(const std::string& table, std::span<const element> all) {
    std::set<flow> not_noted;
    for (std::size_t done = 0; done < all.size(); done += most_at_once) {
        const auto some = all.subspan(done, std::min(most_at_once, all.size() - done));
        const auto removed = remove_some(table, some);
        if (removed) continue;
        if (!is_full(removed.error())) return removed.error();
        auto left = remove_each(table, some);
        if (!left) return left.error();
        not_noted.merge(*left);
    }
    return not_noted;
}

} // namespace

netlink_result<flows_cut> cut_flows(const std::string& table, const is_meant& meant) {
    const auto socket = open_netlink(NETLINK_NETFILTER);
    if (!socket) return socket.error();
    std::vector<flow> sockets;
    for (const auto& f : open_connections())
        if (meant(f)) sockets.push_back(f);
    flows_cut cut;
    std::set<flow> not_noted;
    for (int round = 0; round < most_rounds; ++round) {
        const auto found = find(**socket, table, meant);
        if (!found) return found.error();
        if (found->empty() && round > 0) break;
        for (const auto& e : *found)
            if (e.set->lasting && !std::string_view(e.set->name).starts_with("closing"))
                cut.flows.insert(e.which);
        // Their resets go out while the guard knows them; of one that it does not know there is none to cut.
        if (round == 0) {
            std::erase_if(sockets, [&](const flow& f) { return !cut.flows.contains(f); });
            destroy(sockets);
            continue; // what the resets made of them goes, too
        }
        auto removed = remove(table, *found);
        if (!removed) return removed.error();
        not_noted.merge(*removed);
    }
    cut.not_noted = not_noted.size();
    return cut;
}

} // namespace chronoknock::io

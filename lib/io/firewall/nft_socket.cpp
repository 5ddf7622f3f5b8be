#include "io/firewall/nft_builder.hpp"
#include "io/firewall/nft_run.hpp"

#include <algorithm>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr int socket_buffer = 4 << 20;

} // namespace

nft_result<nft_socket> nft_socket::open(nft_runner runner) {
    auto opened = open_netlink(NETLINK_NETFILTER);
    if (!opened) return opened.error();
    nft_socket socket(std::move(*opened));
    socket.runner_ = runner ? std::move(runner) : run_order;
    auto* const raw = socket.socket_.get();
    const int descriptor = mnl_socket_get_fd(raw);
    // A batch must fit into one buffer, and so must the errors if all of it fails.
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &socket_buffer, sizeof socket_buffer);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer, sizeof socket_buffer);
    const int yes = 1;
    mnl_socket_setsockopt(raw, NETLINK_CAP_ACK, const_cast<int*>(&yes), sizeof yes);
    socket.answer_.resize(64 * 1024);
    builder probe(socket.buffer_, socket.sequence_, 1);
    probe.message(message_type(NFT_MSG_GETGEN), 0, AF_UNSPEC);
    if (const auto ok = socket.request(probe, {}); !ok) return ok.error();
    return socket;
}

boost::system::error_code nft_socket::send(std::span<const std::byte> messages) {
    if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0) return last_error();
    return {};
}

nft_result<void> nft_socket::request(builder& one, const callback& each) {
    const auto sequence = one.sequence();
    if (const auto failed = send(one.bytes())) return failed;
    return netlink_receive(*socket_, answer_, sequence, sequence, each);
}

nft_result<void> nft_socket::commit(builder& batch, std::uint32_t first) {
    const auto last = batch.sequence();
    batch.end();
    if (const auto failed = send(batch.bytes())) return failed;
    return netlink_receive(*socket_, answer_, first, last);
}

result<std::optional<std::string>> nft_socket::run(const firewall::nft_order& order) {
    return runner_(order);
}

nft_result<void> nft_socket::change(std::span<const nft_element> elements) {
    if (elements.empty()) return {};
    builder batch(buffer_, sequence_, 3 * elements.size() + 2);
    const auto first = batch.begin();
    for (const auto& e : elements) {
        const int answer = &e == &elements.back() ? NLM_F_ACK : 0;
        // Before Linux 6.12 adding an element that is there does not refresh its timeout, hence the delete;
        // and deleting one that is not there fails, hence the first add.
        batch.element(table_, NFT_MSG_NEWSETELEM, NLM_F_CREATE, e);
        batch.element(table_, NFT_MSG_DELSETELEM, e.timeout ? 0 : answer, e);
        if (e.timeout) batch.element(table_, NFT_MSG_NEWSETELEM, NLM_F_CREATE | answer, e);
    }
    return commit(batch, first);
}

nft_result<void> nft_socket::delete_table() {
    builder batch(buffer_, sequence_, 3);
    const auto first = batch.begin();
    auto& m = batch.message(message_type(NFT_MSG_DELTABLE), NLM_F_ACK);
    mnl_attr_put_strz(&m, NFTA_TABLE_NAME, table_.c_str());
    return commit(batch, first);
}

nft_result<void> nft_socket::dump(const dump_request& what, const callback& each,
                                  const std::function<void()>& again) {
    nft_result<void> done;
    // A ruleset that changed meanwhile makes a dump worthless.
    for (int tries = 0; tries < 10; ++tries) {
        again();
        builder one(buffer_, sequence_, 1);
        auto& m = one.message(message_type(what.type), NLM_F_DUMP, what.family);
        if (what.table_attribute) mnl_attr_put_strz(&m, what.table_attribute, table_.c_str());
        if (!what.set.empty()) mnl_attr_put(&m, NFTA_SET_ELEM_LIST_SET, what.set.size(), what.set.data());
        done = request(one, each);
        if (done || done.error() != boost::system::errc::interrupted) break;
    }
    return done;
}

nft_result<nft_events> nft_events::open() {
    const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (descriptor < 0) return last_error();
    nft_events events(descriptor);
    // Each transaction ends with one message on the new generation; all others, one for each rule and element
    // of whoever changes anything, are thrown away before they wake us.
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(message_type(NFT_MSG_NEWGEN)), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const sock_fprog filter{std::size(code), code};
    const int group = NFNLGRP_NFTABLES;
    sockaddr_nl any{};
    any.nl_family = AF_NETLINK;
    if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ||
        bind(descriptor, reinterpret_cast<const sockaddr*>(&any), sizeof any) < 0 ||
        setsockopt(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return last_error();
    return events;
}

nft_events::nft_events(nft_events&& other) noexcept : descriptor_(other.release()) {}

nft_events::~nft_events() {
    if (descriptor_ >= 0) close(descriptor_);
}

bool nft_events::drain(int descriptor, std::uint32_t own_port) {
    alignas(nlmsghdr) char message[256];
    bool foreign = false;
    for (;;) {
        const auto n = recv(descriptor, message, sizeof message, MSG_DONTWAIT);
        // ENOBUFS: some were lost, whosever they were.
        if (n < 0 && errno != ENOBUFS && errno != EINTR) return foreign;
        if (n < static_cast<ssize_t>(sizeof(nlmsghdr)) ||
            reinterpret_cast<const nlmsghdr*>(message)->nlmsg_pid != own_port)
            foreign = true;
    }
}

} // namespace chronoknock::io

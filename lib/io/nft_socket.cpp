#include "io/nft_socket.hpp"

#include "firewall/rules.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

constexpr std::uint16_t message_type(int nft_message) {
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | nft_message);
}

boost::system::error_code last_error(int number = errno) {
    return {number, boost::system::system_category()};
}

/// The attributes of one level, by type.
template <std::size_t Most>
class attributes {
public:
    template <class Range>
    explicit attributes(const Range& parse) {
        parse(
            [](const nlattr* a, void* self) {
                if (mnl_attr_get_type(a) <= Most)
                    static_cast<attributes*>(self)->found_[mnl_attr_get_type(a)] = a;
                return MNL_CB_OK;
            },
            this);
    }
    static attributes of(const nlmsghdr& m) {
        return attributes([&](auto each, void* self) { mnl_attr_parse(&m, sizeof(nfgenmsg), each, self); });
    }
    static attributes in(const nlattr* nest) {
        return attributes([&](auto each, void* self) {
            if (nest) mnl_attr_parse_nested(nest, each, self);
        });
    }
    const nlattr* operator[](std::size_t type) const { return found_[type]; }
    std::uint32_t u32(std::size_t type) const {
        return found_[type] ? ntohl(mnl_attr_get_u32(found_[type])) : 0;
    }
    std::uint64_t u64(std::size_t type) const {
        return found_[type] ? be64toh(mnl_attr_get_u64(found_[type])) : 0;
    }

private:
    std::array<const nlattr*, Most + 1> found_{};
};

/// The longest message that builder makes: an element, its names (set_name is bounded by
/// service::valid_name).
constexpr std::size_t most_message = 512;
constexpr int socket_buffer = 4 << 20;

} // namespace

/// Lays messages one after another into a buffer.
class nft_socket::builder {
public:
    builder(std::vector<std::byte>& buffer, std::uint32_t& sequence, std::size_t messages)
        : buffer_(buffer), sequence_(sequence) {
        if (buffer_.size() < messages * most_message) buffer_.resize(messages * most_message);
    }
    /// Begins a message; gives it for attributes to be put in.
    nlmsghdr& message(int type, int flags, std::uint8_t family = NFPROTO_INET, std::uint16_t resource = 0) {
        finish();
        last_ = mnl_nlmsg_put_header(buffer_.data() + size_);
        last_->nlmsg_type = static_cast<std::uint16_t>(type);
        last_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        last_->nlmsg_seq = ++sequence_;
        auto* const head = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(last_, sizeof(nfgenmsg)));
        head->nfgen_family = family;
        head->version = NFNETLINK_V0;
        head->res_id = htons(resource);
        return *last_;
    }
    /// Gives the sequence number of the batch.
    std::uint32_t begin() {
        return message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES).nlmsg_seq;
    }
    void end() { message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES); }

    void element(int type, int flags, const nft_element& e) {
        auto* const m = &message(message_type(type), flags);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, firewall::table);
        mnl_attr_put(m, NFTA_SET_ELEM_LIST_SET, e.set.size(), e.set.data());
        auto* const list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        auto* const element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
        auto* const key = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
        mnl_attr_put(m, NFTA_DATA_VALUE, e.key.bytes().size(), e.key.bytes().data());
        mnl_attr_nest_end(m, key);
        if (type == NFT_MSG_NEWSETELEM)
            mnl_attr_put_u64(
                m, NFTA_SET_ELEM_TIMEOUT,
                htobe64(static_cast<std::uint64_t>(std::max(e.timeout, milliseconds(1)).count())));
        mnl_attr_nest_end(m, element);
        mnl_attr_nest_end(m, list);
    }

    std::uint32_t sequence() const { return sequence_; }
    std::span<const std::byte> bytes() {
        finish();
        return std::span(buffer_).first(size_);
    }

private:
    void finish() {
        if (last_) size_ += MNL_ALIGN(last_->nlmsg_len);
        last_ = nullptr;
    }

    std::vector<std::byte>& buffer_;
    std::uint32_t& sequence_;
    std::size_t size_ = 0;
    nlmsghdr* last_ = nullptr;
};

void nft_socket::closer::operator()(mnl_socket* s) const { mnl_socket_close(s); }

nft_result<nft_socket> nft_socket::open() {
    auto* const raw = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!raw) return last_error();
    nft_socket socket(raw);
    if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) < 0) return last_error();
    const int descriptor = mnl_socket_get_fd(raw);
    // A batch must fit into one buffer, and so must the errors if all of it fails.
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &socket_buffer, sizeof socket_buffer);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer, sizeof socket_buffer);
    const int yes = 1;
    mnl_socket_setsockopt(raw, NETLINK_CAP_ACK, const_cast<int*>(&yes), sizeof yes);
    // The answer is there when send() returns; should a kernel ever break that, fail rather than hang.
    const timeval patience{1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

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

/// Reads until the answer to message `last` has come: data, an acknowledgement, an error, or the end of a
/// dump. Errors of earlier messages since `first` come before it; one of `first` itself is the kernel giving
/// up the whole batch.
nft_result<void> nft_socket::receive(std::uint32_t first, std::uint32_t last, const callback& each) {
    boost::system::error_code failure;
    for (;;) {
        const auto n = mnl_socket_recvfrom(socket_.get(), answer_.data(), answer_.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error();
        int left = static_cast<int>(n);
        for (auto* m = reinterpret_cast<const nlmsghdr*>(answer_.data()); mnl_nlmsg_ok(m, left);
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

nft_result<void> nft_socket::request(builder& one, const callback& each) {
    const auto sequence = one.sequence();
    if (const auto failed = send(one.bytes())) return failed;
    return receive(sequence, sequence, each);
}

nft_result<void> nft_socket::commit(builder& batch, std::uint32_t first) {
    const auto last = batch.sequence();
    batch.end();
    if (const auto failed = send(batch.bytes())) return failed;
    return receive(first, last, {});
}

nft_result<void> nft_socket::put(std::span<const nft_element> elements) {
    if (elements.empty()) return {};
    builder batch(buffer_, sequence_, 3 * elements.size() + 2);
    const auto first = batch.begin();
    for (const auto& e : elements) {
        // Before Linux 6.12 adding an element that is there does not refresh its timeout, hence the delete;
        // and deleting one that is not there fails, hence the first add.
        batch.element(NFT_MSG_NEWSETELEM, NLM_F_CREATE, e);
        batch.element(NFT_MSG_DELSETELEM, 0, e);
        batch.element(NFT_MSG_NEWSETELEM, NLM_F_CREATE | (&e == &elements.back() ? NLM_F_ACK : 0), e);
    }
    return commit(batch, first);
}

nft_result<void> nft_socket::delete_table() {
    builder batch(buffer_, sequence_, 3);
    const auto first = batch.begin();
    auto& m = batch.message(message_type(NFT_MSG_DELTABLE), NLM_F_ACK);
    mnl_attr_put_strz(&m, NFTA_TABLE_NAME, firewall::table);
    return commit(batch, first);
}

nft_result<void> nft_socket::dump(int type, std::uint16_t table_attribute, std::string_view set,
                                  const callback& each, const std::function<void()>& again) {
    nft_result<void> done;
    // A ruleset that changed meanwhile makes a dump worthless.
    for (int tries = 0; tries < 10; ++tries) {
        again();
        builder one(buffer_, sequence_, 1);
        auto& m = one.message(message_type(type), NLM_F_DUMP);
        mnl_attr_put_strz(&m, table_attribute, firewall::table);
        if (!set.empty()) mnl_attr_put(&m, NFTA_SET_ELEM_LIST_SET, set.size(), set.data());
        done = request(one, each);
        if (done || done.error() != boost::system::errc::interrupted) break;
    }
    return done;
}

nft_result<std::vector<std::string>> nft_socket::sets() {
    std::vector<std::string> names;
    const auto done = dump(
        NFT_MSG_GETSET, NFTA_SET_TABLE, {},
        [&](const nlmsghdr& m) {
            const auto set = attributes<NFTA_SET_NAME>::of(m);
            if (set[NFTA_SET_NAME]) names.emplace_back(mnl_attr_get_str(set[NFTA_SET_NAME]));
        },
        [&] { names.clear(); });
    if (!done && done.error() != boost::system::errc::no_such_file_or_directory) return done.error();
    return names;
}

nft_result<std::vector<nft_live_element>> nft_socket::elements(std::string_view set) {
    std::vector<nft_live_element> live;
    auto take = [&](const nlattr* nest) {
        const auto element = attributes<NFTA_SET_ELEM_EXPIRATION>::in(nest);
        const auto key = attributes<NFTA_DATA_VALUE>::in(element[NFTA_SET_ELEM_KEY]);
        if (!key[NFTA_DATA_VALUE] || !element[NFTA_SET_ELEM_EXPIRATION]) return;
        const auto* const bytes =
            static_cast<const std::uint8_t*>(mnl_attr_get_payload(key[NFTA_DATA_VALUE]));
        const auto size = mnl_attr_get_payload_len(key[NFTA_DATA_VALUE]);
        const milliseconds left(static_cast<std::int64_t>(element.u64(NFTA_SET_ELEM_EXPIRATION)));
        if (size == 4) live.push_back({address::v4(std::span<const std::uint8_t, 4>(bytes, 4)), left});
        if (size == 16) live.push_back({address::v6(std::span<const std::uint8_t, 16>(bytes, 16)), left});
    };
    const auto done = dump(
        NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, set,
        [&](const nlmsghdr& m) {
            const auto list = attributes<NFTA_SET_ELEM_LIST_ELEMENTS>::of(m);
            if (!list[NFTA_SET_ELEM_LIST_ELEMENTS]) return;
            mnl_attr_parse_nested(
                list[NFTA_SET_ELEM_LIST_ELEMENTS],
                [](const nlattr* element, void* each) {
                    (*static_cast<decltype(take)*>(each))(element);
                    return MNL_CB_OK;
                },
                &take);
        },
        [&] { live.clear(); });
    if (!done) return done.error();
    return live;
}

nft_result<nft_fingerprint> nft_socket::fingerprint() {
    nft_fingerprint print;
    builder one(buffer_, sequence_, 1);
    mnl_attr_put_strz(&one.message(message_type(NFT_MSG_GETTABLE), 0), NFTA_TABLE_NAME, firewall::table);
    auto done = request(one, [&](const nlmsghdr& m) {
        const auto t = attributes<NFTA_TABLE_HANDLE>::of(m);
        print.handle = t.u64(NFTA_TABLE_HANDLE);
        print.flags = t.u32(NFTA_TABLE_FLAGS);
    });
    for (const auto* chain : firewall::chains) {
        if (!done) break;
        builder next(buffer_, sequence_, 1);
        auto& m = next.message(message_type(NFT_MSG_GETCHAIN), 0);
        mnl_attr_put_strz(&m, NFTA_CHAIN_TABLE, firewall::table);
        mnl_attr_put_strz(&m, NFTA_CHAIN_NAME, chain);
        done = request(next, [&](const nlmsghdr& answer) {
            const auto c = attributes<NFTA_CHAIN_USE>::of(answer);
            print.chains.push_back({c.u64(NFTA_CHAIN_HANDLE), c.u32(NFTA_CHAIN_USE)});
        });
    }
    if (!done) return done.error();
    return print;
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

bool nft_events::drain(int descriptor) {
    char message[256];
    bool any = false;
    for (;;) {
        const auto n = recv(descriptor, message, sizeof message, MSG_DONTWAIT);
        // ENOBUFS: some were lost, so there were some.
        if (n < 0 && errno != ENOBUFS && errno != EINTR) return any;
        any = true;
    }
}

} // namespace chronoknock::io

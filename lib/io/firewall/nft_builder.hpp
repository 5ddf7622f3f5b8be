#pragma once

#include "io/firewall/nft_socket.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace chronoknock::io {

constexpr std::uint16_t message_type(int nft_message) {
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | nft_message);
}

/// What a dump is asked for.
struct nft_socket::dump_request {
    int type;
    std::uint16_t table_attribute = 0; ///< that names our table; 0: of all tables
    std::string_view set = {};
    std::uint8_t family = NFPROTO_INET;
};

/// The longest message that builder makes: an element, its names (set_name is bounded by
/// service::valid_name).
inline constexpr std::size_t most_message = 512;

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
        last_ = &netfilter_request(buffer_.data() + size_, type, family);
        last_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        last_->nlmsg_seq = ++sequence_;
        static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(last_))->res_id = htons(resource);
        return *last_;
    }
    /// Gives the sequence number of the batch.
    std::uint32_t begin() {
        return message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES).nlmsg_seq;
    }
    void end() { message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES); }

    void element(const std::string& table, int type, int flags, const nft_element& e) {
        auto* const m = &message(message_type(type), flags);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
        mnl_attr_put(m, NFTA_SET_ELEM_LIST_SET, e.set.size(), e.set.data());
        auto* const list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        auto* const element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
        auto* const key = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
        mnl_attr_put(m, NFTA_DATA_VALUE, e.key.bytes().size(), e.key.bytes().data());
        mnl_attr_nest_end(m, key);
        if (type == NFT_MSG_NEWSETELEM)
            mnl_attr_put_u64(m, NFTA_SET_ELEM_TIMEOUT,
                             htobe64(static_cast<std::uint64_t>(
                                 std::max(e.timeout.value_or(milliseconds(1)), milliseconds(1)).count())));
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

} // namespace chronoknock::io

#include "io/firewall/flow_watch.hpp"

#include "firewall/chains.hpp"
#include "io/firewall/flow_key.hpp"
#include "io/firewall/nft_builder.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;
using firewall::flow;
using firewall::flow_set;

namespace {

constexpr nanoseconds pace = seconds(1);
constexpr nanoseconds pause_per_flow = std::chrono::microseconds(200); // reading one takes some 4 us

constexpr bool is_of_closed(const flow_set& s) { return std::string_view(s.name).starts_with("closing"); }

/// What is read, one set after another: flows, those that were closed after the others, and at last those
/// that were cut.
std::vector<flow_set> watched_sets() {
    std::vector<flow_set> all;
    std::ranges::copy_if(firewall::flow_sets, std::back_inserter(all), &flow_set::lasting);
    std::ranges::stable_partition(all, std::not_fn(is_of_closed));
    for (const auto& s : firewall::cut_sets)
        all.push_back({s.name, transport::udp, s.family, s.timeout, true});
    return all;
}
constexpr auto sets_of_cut = std::size(firewall::cut_sets);

} // namespace

class flow_watch::impl : public std::enable_shared_from_this<impl> {
public:
    explicit impl(const asio::any_io_executor& executor) : readable_(executor), timer_(executor) {}

    void start(const std::string& table) {
        table_ = table;
        if (socket_) return;
        auto opened = open_netlink(NETLINK_NETFILTER, SOCK_NONBLOCK);
        if (!opened) return;
        socket_ = std::move(*opened);
        readable_.assign(mnl_socket_get_fd(socket_.get()));
        begin_round();
    }
    void stop() {
        if (readable_.is_open()) readable_.release();
        timer_.cancel();
        socket_.reset();
    }

    std::vector<flow> admitted;
    std::size_t unclosed = 0; ///< the first ones of these
    std::set<flow> cut;
    instant as_of{};
    void keep_cut(const std::set<flow>& flows) {
        for (const auto& f : flows)
            if (f.protocol == transport::udp) {
                cut.insert(f);
                found_cut_.insert(f);
            }
    }
    void forget(const std::function<bool(const flow&)>& which) {
        unclosed -=
            static_cast<std::size_t>(std::ranges::count_if(std::span(admitted).first(unclosed), which));
        std::erase_if(admitted, which);
        found_unclosed_ -=
            static_cast<std::size_t>(std::ranges::count_if(std::span(found_).first(found_unclosed_), which));
        std::erase_if(found_, which);
    }

private:
    void begin_round() {
        began_ = boot_now();
        set_ = 0;
        found_unclosed_ = 0;
        found_.clear();
        found_cut_.clear();
        ask();
    }

    void ask() {
        alignas(nlmsghdr) char buffer[256];
        auto* const m = &netfilter_request(buffer, message_type(NFT_MSG_GETSETELEM), NFPROTO_INET);
        m->nlmsg_flags |= NLM_F_DUMP;
        m->nlmsg_seq = ++sequence_;
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table_.c_str());
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, sets_[set_].name);
        if (mnl_socket_sendto(socket_.get(), m, m->nlmsg_len) < 0) return end_round(false);
        wait();
    }

    void wait() {
        readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                             [self = shared_from_this()](const boost::system::error_code& e) {
                                 if (!e && self->socket_) self->read();
                             });
    }

    void read() {
        const auto n = mnl_socket_recvfrom(socket_.get(), answer_.data(), answer_.size());
        if (n < 0) return errno == EAGAIN || errno == EINTR ? wait() : end_round(false);
        int left = static_cast<int>(n);
        for (auto* m = reinterpret_cast<const nlmsghdr*>(answer_.data()); mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_seq != sequence_) continue;
            if (m->nlmsg_type == NLMSG_ERROR) return end_round(false);
            if (m->nlmsg_type == NLMSG_DONE) return next_set();
            take(*m);
        }
        wait();
    }

    void take(const nlmsghdr& m) {
        const auto list = attributes<NFTA_SET_ELEM_LIST_ELEMENTS>::of(m, sizeof(nfgenmsg));
        for_each_nested(list[NFTA_SET_ELEM_LIST_ELEMENTS], [&](const nlattr* one) {
            const auto element = attributes<NFTA_SET_ELEM_KEY>::in(one);
            const auto key = attributes<NFTA_DATA_VALUE>::in(element[NFTA_SET_ELEM_KEY]);
            const auto f = flow_of(sets_[set_], key.bytes(NFTA_DATA_VALUE));
            if (f && set_ + sets_of_cut < sets_.size()) {
                found_.push_back(*f);
                if (!is_of_closed(sets_[set_])) found_unclosed_ = found_.size();
            } else if (f) {
                found_cut_.insert(*f);
            }
        });
    }

    void next_set() {
        if (++set_ == sets_.size()) return end_round(true);
        ask();
    }

    void end_round(bool whole) {
        if (whole) {
            admitted.swap(found_);
            std::swap(unclosed, found_unclosed_); // forget() counts in both
            cut.swap(found_cut_);
            as_of = began_;
        }
        timer_.expires_after(std::max(pace, pause_per_flow * static_cast<int>(admitted.size() + cut.size())));
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
            if (!e && self->socket_) self->begin_round();
        });
    }

    std::string table_;
    netlink_ptr socket_;
    asio::posix::stream_descriptor readable_; ///< only borrows the socket's descriptor
    asio::steady_timer timer_;
    std::uint32_t sequence_ = 0;
    const std::vector<flow_set> sets_ = watched_sets();
    std::size_t set_ = 0;
    instant began_{};
    std::vector<flow> found_;
    std::size_t found_unclosed_ = 0;
    std::set<flow> found_cut_;
    std::vector<std::byte> answer_ = std::vector<std::byte>(64 * 1024);
};

flow_watch::flow_watch(const asio::any_io_executor& executor) : impl_(std::make_shared<impl>(executor)) {}
flow_watch::~flow_watch() { impl_->stop(); }
void flow_watch::start(const std::string& table) { impl_->start(table); }
const std::vector<flow>& flow_watch::admitted() const { return impl_->admitted; }
std::span<const flow> flow_watch::unclosed() const {
    return std::span(impl_->admitted).first(impl_->unclosed);
}
instant flow_watch::as_of() const { return impl_->as_of; }
const std::set<flow>& flow_watch::cut() const { return impl_->cut; }
void flow_watch::keep_cut(const std::set<flow>& flows) { impl_->keep_cut(flows); }
void flow_watch::forget(const std::function<bool(const firewall::flow&)>& which) { impl_->forget(which); }

} // namespace chronoknock::io

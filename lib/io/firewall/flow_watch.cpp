#include "io/firewall/flow_watch.hpp"

#include "firewall/rules.hpp"
#include "io/firewall/flow_key.hpp"
#include "io/firewall/nft_builder.hpp"
#include "io/system/clock.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace chronoknock::io {

namespace asio = boost::asio;
using firewall::flow;
using firewall::flow_set;

namespace {

constexpr nanoseconds pace = seconds(1);
constexpr nanoseconds pause_per_flow = std::chrono::microseconds(200); // reading one takes some 4 us

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
    instant as_of{};
    void forget(const std::function<bool(const flow&)>& which) {
        std::erase_if(admitted, which);
        std::erase_if(found_, which);
    }

private:
    void begin_round() {
        began_ = boot_now();
        set_ = std::begin(firewall::flow_sets);
        found_.clear();
        ask();
    }

    void ask() {
        alignas(nlmsghdr) char buffer[256];
        auto* const m = &netfilter_request(buffer, message_type(NFT_MSG_GETSETELEM), NFPROTO_INET);
        m->nlmsg_flags |= NLM_F_DUMP;
        m->nlmsg_seq = ++sequence_;
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, table_.c_str());
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set_->name);
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
            if (const auto f = flow_of(*set_, key.bytes(NFTA_DATA_VALUE))) found_.push_back(*f);
        });
    }

    void next_set() {
        do
            if (++set_ == std::end(firewall::flow_sets)) return end_round(true);
        while (!set_->lasting);
        ask();
    }

    void end_round(bool whole) {
        if (whole) {
            admitted.swap(found_);
            as_of = began_;
        }
        timer_.expires_after(std::max(pace, pause_per_flow * static_cast<int>(admitted.size())));
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& e) {
            if (!e && self->socket_) self->begin_round();
        });
    }

    std::string table_;
    netlink_ptr socket_;
    asio::posix::stream_descriptor readable_; ///< only borrows the socket's descriptor
    asio::steady_timer timer_;
    std::uint32_t sequence_ = 0;
    const flow_set* set_ = nullptr;
    instant began_{};
    std::vector<flow> found_;
    std::vector<std::byte> answer_ = std::vector<std::byte>(64 * 1024);
};

flow_watch::flow_watch(const asio::any_io_executor& executor) : impl_(std::make_shared<impl>(executor)) {}
flow_watch::~flow_watch() { impl_->stop(); }
void flow_watch::start(const std::string& table) { impl_->start(table); }
const std::vector<flow>& flow_watch::admitted() const { return impl_->admitted; }
instant flow_watch::as_of() const { return impl_->as_of; }
void flow_watch::forget(const std::function<bool(const firewall::flow&)>& which) { impl_->forget(which); }

} // namespace chronoknock::io

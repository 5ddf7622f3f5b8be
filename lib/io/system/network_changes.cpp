#include "io/system/network_changes.hpp"

#include "io/firewall/netlink.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;

class network_changes::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::io_context& context, std::vector<int> groups, std::function<void()> on_change)
        : groups_(std::move(groups)), on_change_(std::move(on_change)), readable_(context) {}

    bool listen() {
        if (socket_) return true;
        auto opened = open_netlink(NETLINK_ROUTE, SOCK_NONBLOCK);
        if (!opened) return false;
        for (auto group : groups_)
            if (mnl_socket_setsockopt(opened->get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
                return false;
        boost::system::error_code failed;
        readable_.assign(mnl_socket_get_fd(opened->get()), failed);
        if (failed) return false;
        socket_ = std::move(*opened);
        wait();
        return true;
    }

    void stop() {
        on_change_ = nullptr;
        hang_up();
    }

private:
    void hang_up() {
        if (readable_.is_open()) readable_.release();
        socket_.reset();
    }

    void wait() {
        readable_.async_wait(readable_.wait_read, [self = shared_from_this()](boost::system::error_code ec) {
            if (!ec && self->socket_) self->changed();
        });
    }

    /// News that was lost (ENOBUFS) is news as well.
    void changed() {
        char news[8192];
        ssize_t n = 0;
        int left = most_at_once;
        do n = mnl_socket_recvfrom(socket_.get(), news, sizeof news);
        while (--left > 0 && (n >= 0 || errno == EINTR || errno == ENOBUFS || errno == ENOSPC));
        if (left == 0 || errno == EAGAIN)
            wait();
        else
            hang_up();
        if (const auto tell = on_change_) tell(); // which may end us
    }

    static constexpr int most_at_once = 256; ///< a flood of changes does not hold up the loop

    std::vector<int> groups_;
    std::function<void()> on_change_;
    netlink_ptr socket_;
    asio::posix::stream_descriptor readable_; ///< only borrows the socket's descriptor
};

network_changes::network_changes(asio::io_context& context, std::vector<int> groups,
                                 std::function<void()> on_change)
    : impl_(std::make_shared<impl>(context, std::move(groups), std::move(on_change))) {}
network_changes::~network_changes() { impl_->stop(); }
bool network_changes::listen() { return impl_->listen(); }

} // namespace chronoknock::io

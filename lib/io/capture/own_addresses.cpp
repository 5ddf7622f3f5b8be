#include "io/capture/own_addresses.hpp"

#include "base/time.hpp"
#include "io/firewall/netlink.hpp"
#include "io/log/log.hpp"
#include "io/system/internet_socket.hpp"
#include "io/system/network_changes.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <linux/rtnetlink.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

constexpr auto read_every = seconds(10);
constexpr auto retry_after = seconds(1);

/// False only where the kernel has IPv6 switched off. Asked until it knows the family.
bool kernel_knows(int family, bool& known) {
    if (!known) known = open_internet_socket(family, SOCK_DGRAM) || errno != EAFNOSUPPORT;
    return known;
}

std::optional<prefix> prefix_of(int family, std::span<const std::uint8_t> bytes, unsigned length) {
    static constexpr std::uint8_t zero[16] = {};
    if (bytes.empty()) bytes = std::span(zero).first(family == AF_INET ? 4 : 16); // a route to all
    const auto network = address_of(bytes);
    if (!network || length > network->bytes().size() * 8) return {};
    return prefix(*network, length);
}

std::optional<prefix> interface_address(const nlmsghdr& m) {
    if (m.nlmsg_type != RTM_NEWADDR) return {};
    const auto& head = *static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&m));
    const auto a = attributes<IFA_LOCAL>::of(m, sizeof head);
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL otherwise.
    const auto bytes = a.bytes(a[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS);
    if (bytes.empty()) return {};
    return prefix_of(head.ifa_family, bytes, static_cast<unsigned>(bytes.size() * 8));
}

std::optional<prefix> local_route(const nlmsghdr& m) {
    if (m.nlmsg_type != RTM_NEWROUTE) return {};
    const auto& head = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&m));
    // Broadcast and anycast are of other types.
    if (head.rtm_type != RTN_LOCAL) return {};
    return prefix_of(head.rtm_family, attributes<RTA_DST>::of(m, sizeof head).bytes(RTA_DST),
                     head.rtm_dst_len);
}

template <class Header>
netlink_result<void> dump(mnl_socket& socket, int type, const Header& header,
                          std::optional<prefix> (*parse)(const nlmsghdr&), std::vector<prefix>& out) {
    alignas(nlmsghdr) char buffer[64];
    auto& request = *mnl_nlmsg_put_header(buffer);
    request.nlmsg_type = static_cast<std::uint16_t>(type);
    *static_cast<Header*>(mnl_nlmsg_put_extra_header(&request, sizeof header)) = header;
    return netlink_dump(socket, request, [&](const nlmsghdr& m) {
        if (const auto p = parse(m)) out.push_back(*p);
    });
}

netlink_result<std::vector<prefix>> read_own(bool (&known)[2]) {
    auto socket = open_netlink(NETLINK_ROUTE);
    if (!socket) return socket.error();
    // Only the local table is walked, not the million routes of another one.
    int on = 1;
    mnl_socket_setsockopt(socket->get(), NETLINK_GET_STRICT_CHK, &on, sizeof on);
    std::vector<prefix> all;
    for (const int family : {AF_INET, AF_INET6}) {
        if (!kernel_knows(family, known[family == AF_INET ? 0 : 1])) continue;
        ifaddrmsg of_interfaces{};
        of_interfaces.ifa_family = static_cast<std::uint8_t>(family);
        rtmsg routes{};
        routes.rtm_family = static_cast<std::uint8_t>(family);
        routes.rtm_table = RT_TABLE_LOCAL;
        routes.rtm_type = RTN_LOCAL;
        if (auto done = dump(**socket, RTM_GETADDR, of_interfaces, interface_address, all); !done)
            return done.error();
        // Before its first address a network namespace has no such table.
        if (auto done = dump(**socket, RTM_GETROUTE, routes, local_route, all);
            !done && done.error() != boost::system::errc::no_such_file_or_directory)
            return done.error();
    }
    const auto order = [](const prefix& p) { return std::pair(p.network, p.length); };
    std::ranges::sort(all, {}, order);
    const auto repeats = std::ranges::unique(all);
    all.erase(repeats.begin(), repeats.end());
    return all;
}

} // namespace

class own_addresses::impl : public std::enable_shared_from_this<impl> {
public:
    impl(asio::io_context& context, std::function<void(const std::vector<prefix>&)> on_change)
        : on_change_(std::move(on_change)), timer_(context) {
        changes_.emplace(context, std::vector<int>{RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR},
                         [this] { renew(); });
    }

    void renew() {
        changes_
            ->listen(); // before reading: what changes meanwhile is heard of. Else the timer alone must do
        auto read = read_own(known_);
        if (!read) {
            warn_once("this host's own addresses cannot be read: " + read.error().message() +
                      (own_ ? "; those known before count" : "; no knock counts until they are"));
        } else {
            if (!warned_.empty()) log::info("capture: this host's own addresses are read");
            warned_.clear();
            if (own_ != *read) on_change_(own_.emplace(std::move(*read)));
        }
        timer_.expires_after(read ? read_every : retry_after);
        timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (!ec && !self->stopped_) self->renew();
        });
    }

    void stop() {
        stopped_ = true;
        timer_.cancel();
        changes_.reset();
    }

private:
    void warn_once(const std::string& what) {
        if (what == warned_) return;
        warned_ = what;
        log::warning("capture: " + what);
    }

    std::function<void(const std::vector<prefix>&)> on_change_;
    std::optional<std::vector<prefix>> own_; ///< nothing before they were read first
    std::optional<network_changes> changes_;
    asio::steady_timer timer_;
    bool known_[2] = {}; ///< families to the kernel
    std::string warned_;
    bool stopped_ = false;
};

own_addresses::own_addresses(asio::io_context& context,
                             std::function<void(const std::vector<prefix>&)> on_change)
    : impl_(std::make_shared<impl>(context, std::move(on_change))) {}
own_addresses::~own_addresses() { impl_->stop(); }
void own_addresses::start() { impl_->renew(); }
void own_addresses::stop() { impl_->stop(); }

} // namespace chronoknock::io

#include "io/time/ntp_socket.hpp"

#include "io/client/endpoint.hpp"
#include "io/system/clock.hpp"
#include "io/system/internet_socket.hpp"
#include "timesync/packet_times.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <optional>
#include <sys/socket.h>

namespace chronoknock::io {

namespace {

namespace asio = boost::asio;
using asio::ip::udp;

constexpr std::size_t largest_datagram = 2048;
/// Of one waking: who floods the port does not hold up the loop.
constexpr int most_at_once = 16;

unix_time to_unix(const timespec& t) { return unix_time(seconds(t.tv_sec) + nanoseconds(t.tv_nsec)); }

/// When the kernel got a datagram, by the system clock, if it tells.
std::optional<unix_time> arrival_stamp(msghdr& message) {
    for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        return to_unix(stamp);
    }
    return {};
}

/// When the kernel handed a packet to the device, by the system clock, if it tells. (Not before the send
/// returned: some drivers stamp later, or never.)
std::optional<unix_time> departure_stamp(int socket) {
    alignas(cmsghdr) std::array<char, 256> control;
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return {};
    for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING) continue;
        scm_timestamping stamps{};
        std::memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
        if (stamps.ts[0].tv_sec != 0) return to_unix(stamps.ts[0]);
    }
    return {};
}

} // namespace

result<std::shared_ptr<ntp_socket>> ntp_socket::open(asio::io_context& context,
                                                     const timesync::endpoint& to) {
    auto made = std::make_shared<ntp_socket>(context);
    auto& s = made->socket_;
    const udp::endpoint there{to_asio(to.ip), to.port};
    boost::system::error_code ec;
    open_internet_socket(s, there.protocol(), ec);
    if (!ec) s.non_blocking(true, ec);
    if (!ec) s.connect(there, ec);
    if (ec) return error{to.ip.to_string() + ": " + ec.message()};
    const int on = 1; // without the stamp the moment of reading serves
    setsockopt(s.native_handle(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    const int departures =
        SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
    setsockopt(s.native_handle(), SOL_SOCKET, SO_TIMESTAMPING, &departures, sizeof departures);
    return made;
}

result<instant> ntp_socket::send(std::span<const std::uint8_t> packet, handler h) {
    handler_ = std::move(h);
    boost::system::error_code ec;
    before_ = read_clocks();
    socket_.send(asio::buffer(packet.data(), packet.size()), 0, ec);
    if (ec) return error{ec.message()};
    const auto stamp = departure_stamp(socket_.native_handle());
    const auto sent = timesync::departure(before_, read_clocks(), stamp);
    wait();
    return sent;
}

void ntp_socket::close() {
    handler_ = nullptr;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void ntp_socket::wait() {
    socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
        if (!ec) self->receive();
    });
}

void ntp_socket::receive() {
    (void)departure_stamp(socket_.native_handle()); // a stamp that came late is of no use any more
    std::array<std::uint8_t, largest_datagram> bytes;
    for (int i = 0; i < most_at_once && handler_; ++i) {
        alignas(cmsghdr) std::array<char, 256> control;
        iovec data{bytes.data(), bytes.size()};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto n = recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT);
        const int number = errno;
        const auto system = system_now();
        const timesync::clock_reading now{boot_now(), nanoseconds(0), system};
        const auto h = handler_; // it may close us
        if (n >= 0) {
            if ((message.msg_flags & MSG_TRUNC) == 0)
                h(std::span<const std::uint8_t>{bytes}.first(static_cast<std::size_t>(n)),
                  timesync::arrival(before_, now, arrival_stamp(message)));
        } else if (number == EAGAIN || number == EINTR) {
            break;
        } else {
            h(error{std::strerror(number)}, now.at);
            return;
        }
    }
    if (handler_) wait();
}

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "timesync/clock_watch.hpp"
#include "timesync/settings.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <memory>
#include <span>

namespace chronoknock::io {

/// The socket of one query: connected, so that only its server's datagrams come in, and from a port that the
/// kernel draws at random (RFC 9109).
class ntp_socket : public std::enable_shared_from_this<ntp_socket> {
public:
    /// Each datagram with the moment it arrived; or, last of all, the error that the network sent.
    using handler = std::function<void(result<std::span<const std::uint8_t>>, instant received)>;

    static result<std::shared_ptr<ntp_socket>> open(boost::asio::io_context& context,
                                                    const timesync::endpoint& to);
    explicit ntp_socket(boost::asio::io_context& context) : socket_(context) {}

    /// Sends, and gives what comes back to the handler until close(). The result is a moment not after the
    /// packet left, and as near to that as the kernel tells.
    result<instant> send(std::span<const std::uint8_t> packet, handler h);
    /// No handler is called any more.
    void close();

private:
    void wait();
    void receive();

    boost::asio::ip::udp::socket socket_;
    handler handler_;
    timesync::clock_reading before_; ///< the last sending
};

} // namespace chronoknock::io

#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "io/system/descriptor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::io {

/// Whoever started the server and wants to hear how it is: systemd, by the datagrams of sd_notify(3). Not by
/// its library, which opens a socket for each of them: a confined server cannot (and which would be loaded by
/// each `chronoknock connect`, with five others).
class service_manager {
public:
    explicit service_manager(boost::asio::io_context& context) : beat_(context) {}

    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so that no
    /// program that the server starts has them. Before there is a second thread, and before the helper is
    /// forked.
    void read_environment();
    /// Connects to the manager, if there is one. Before the server is confined; without a manager nothing is
    /// done.
    result<void> connect();

    /// The server serves: READY=1; and from now on, from the context's own thread, that it lives, twice in
    /// the time after which the manager takes it for hung.
    void ready();
    /// It ends: STOPPING=1.
    void stopping();

    /// Whether it has started us: read_environment() has found one.
    bool is_there() const { return !path_.empty(); }

    /// After how long without a word the manager ends a server; none: it does not.
    std::optional<nanoseconds> patience() const { return patience_; }

private:
    void send(std::string_view message);
    void beat();

    std::string path_; ///< empty: there is no manager. One that begins with @ is of the abstract namespace
    std::optional<nanoseconds> patience_;
    descriptor socket_;
    boost::asio::steady_timer beat_;
};

} // namespace chronoknock::io

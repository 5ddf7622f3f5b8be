#include "io/system/daemon_lock.hpp"

#include "io/log/log.hpp"
#include "io/system/account.hpp"
#include "io/system/cgroup.hpp"

#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstddef>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

constexpr std::string_view name("\0chronoknock", 12); // the zero in front: an abstract name, not a file
constexpr int backlog = 16;
constexpr timeval patience{1, 0};

enum class found { nobody, server, stranger };

constexpr const char* own_user = "chronoknock";

constexpr const char* own_unit = "/system.slice/chronoknock.service";

/// Only root, we ourselves, the user that is the server's where nobody has named another, and a process of
/// the server's unit, whoever User= says that it is, can be a server. (A user's own units are below
/// user.slice.)
bool may_be_server(const ucred& who) {
    if (who.uid == 0 || who.uid == ::geteuid()) return true;
    const auto own = find_account(own_user);
    if (own && own->user == who.uid) return true;
    const auto init = cgroup_of("1"); // in init.scope, beside system.slice
    return cgroup_of(std::to_string(who.pid)) == init.substr(0, init.rfind('/')) + own_unit;
}

/// Who listens under the name.
found look(ucred& who) {
    const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0) return found::nobody;
    // A stranger could let his queue fill up: connecting would block.
    ::setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    name.copy(to.sun_path, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    auto result = found::stranger;
    socklen_t size = sizeof who;
    if (::connect(s, reinterpret_cast<const sockaddr*>(&to), length) != 0)
        result = errno == ECONNREFUSED ? found::nobody : found::stranger;
    else if (::getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && may_be_server(who))
        result = found::server;
    ::close(s);
    return result;
}

} // namespace

/// Takes connections and lets them go, so that the queue never fills up and whoever asks learns whose it is.
class daemon_lock::impl : public std::enable_shared_from_this<impl> {
public:
    explicit impl(asio::io_context& context) : acceptor_(context), pause_(context) {}

    boost::system::error_code listen() {
        boost::system::error_code failed;
        // Asio sets no close-on-exec.
        const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s < 0) return {errno, boost::system::system_category()};
        acceptor_.assign(asio::local::stream_protocol(), s, failed);
        if (!failed) acceptor_.bind(asio::local::stream_protocol::endpoint(std::string(name)), failed);
        if (!failed) acceptor_.listen(backlog, failed);
        return failed;
    }

    void accept() {
        acceptor_.async_accept([self = shared_from_this()](boost::system::error_code failed,
                                                           asio::local::stream_protocol::socket) {
            if (failed == asio::error::operation_aborted) return;
            if (!failed) return self->accept();
            self->pause_.expires_after(std::chrono::seconds(1)); // out of descriptors, say
            self->pause_.async_wait([self](boost::system::error_code stopped) {
                if (!stopped) self->accept();
            });
        });
    }

private:
    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
};

result<daemon_lock> daemon_lock::take(asio::io_context& context) {
    auto lock = std::make_shared<impl>(context);
    const auto failed = lock->listen();
    if (!failed) {
        lock->accept();
        return daemon_lock(std::move(lock));
    }
    ucred who{};
    if (failed == boost::system::errc::address_in_use && look(who) == found::server)
        return error{"another chronoknock server guards this network namespace already" +
                     (who.pid > 0 ? ", process " + std::to_string(who.pid) : std::string()) +
                     "; expected one only"};
    log::warning("the lock that keeps a second server away cannot be had: " +
                 (failed == boost::system::errc::address_in_use
                      ? std::string("somebody without privilege holds its name")
                      : failed.message()) +
                 "; going on without it");
    return daemon_lock(nullptr);
}

std::optional<int> daemon_lock::holder() {
    ucred who{};
    return look(who) == found::server ? std::optional<int>(who.pid) : std::nullopt;
}

} // namespace chronoknock::io

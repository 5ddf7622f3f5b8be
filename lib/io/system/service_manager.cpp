#include "io/system/service_manager.hpp"

#include "base/text.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

/// The value of a variable, which is taken out of the environment.
std::string take(const char* name) {
    const char* const value = std::getenv(name);
    const std::string taken = value == nullptr ? "" : value;
    ::unsetenv(name);
    return taken;
}

} // namespace

void service_manager::read_environment() {
    path_ = take("NOTIFY_SOCKET");
    constexpr std::int64_t a_year = 366LL * 86400 * 1000000;
    const auto interval = parse_number(take("WATCHDOG_USEC"), 1, a_year);
    const auto meant = take("WATCHDOG_PID"); // it may be of who started us by a script
    if (interval && (meant.empty() || meant == std::to_string(::getpid())))
        patience_ = std::chrono::microseconds(*interval);
}

result<void> service_manager::connect() {
    if (path_.empty()) return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path || (path_[0] != '/' && path_[0] != '@'))
        return error{"NOTIFY_SOCKET: expected a path, or @ and a name"};
    path_.copy(address.sun_path, path_.size());
    if (path_[0] == '@') address.sun_path[0] = '\0';
    descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
        return error{"NOTIFY_SOCKET: " + printable(path_) + ": " + std::strerror(errno)};
    socket_ = std::move(socket);
    return {};
}

void service_manager::ready() {
    send("READY=1");
    if (patience_) beat();
}

void service_manager::stopping() {
    beat_.cancel();
    send("STOPPING=1");
}

/// A manager that does not listen is none of the server's troubles.
void service_manager::send(std::string_view message) {
    if (socket_) (void)::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

void service_manager::beat() {
    send("WATCHDOG=1");
    beat_.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(*patience_ / 2));
    beat_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) beat();
    });
}

} // namespace chronoknock::io

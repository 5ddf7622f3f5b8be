#include "io/control.hpp"

#include "io/log.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace chronoknock::io {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr std::chrono::seconds patience{2};
constexpr int most_waiting = 16;
constexpr mode_t owner_only = 0177; // umask

bool somebody_answers(const stream_protocol::endpoint& where) {
    asio::io_context context;
    stream_protocol::socket s(context);
    boost::system::error_code failed;
    s.connect(where, failed);
    return !failed;
}

/// One who asked: the text goes out, or time does.
struct session : std::enable_shared_from_this<session> {
    session(stream_protocol::socket s, std::string t)
        : socket(std::move(s)), text(std::move(t)), deadline(socket.get_executor(), patience) {}

    void start() {
        deadline.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped) self->socket.close();
        });
        asio::async_write(
            socket, asio::buffer(text),
            [self = shared_from_this()](boost::system::error_code, std::size_t) { self->deadline.cancel(); });
    }

    stream_protocol::socket socket;
    std::string text;
    asio::steady_timer deadline;
};

} // namespace

class control::impl : public std::enable_shared_from_this<control::impl> {
public:
    impl(asio::io_context& context, std::string path, std::function<std::string()> status)
        : acceptor_(context), pause_(context), path_(std::move(path)), status_(std::move(status)) {}

    result<void> listen() {
        const stream_protocol::endpoint where(path_);
        if (somebody_answers(where))
            return error{"control socket " + path_ + ": another chronoknock server answers there"};
        boost::system::error_code failed;
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
        struct stat found {};
        if (::lstat(path_.c_str(), &found) == 0) {
            if (!S_ISSOCK(found.st_mode))
                return error{"control socket " + path_ + ": expected a socket or nothing there"};
            ::unlink(path_.c_str());
        }
        acceptor_.open();
        const auto umask_before = ::umask(owner_only);
        acceptor_.bind(where, failed);
        ::umask(umask_before);
        if (!failed) acceptor_.listen(most_waiting, failed);
        if (failed) return error{"control socket " + path_ + ": " + failed.message()};
        accept();
        return {};
    }

    void close() {
        boost::system::error_code ignored;
        if (acceptor_.is_open()) ::unlink(path_.c_str());
        acceptor_.close(ignored);
        pause_.cancel();
    }

private:
    void accept() {
        acceptor_.async_accept(
            [self = shared_from_this()](boost::system::error_code failed, stream_protocol::socket socket) {
                if (!self->acceptor_.is_open()) return;
                if (!failed) {
                    std::make_shared<session>(std::move(socket), self->status_())->start();
                    self->accept();
                    return;
                }
                // Out of descriptors, say: asking again at once would spin.
                self->pause_.expires_after(patience);
                self->pause_.async_wait([self](boost::system::error_code stopped) {
                    if (!stopped) self->accept();
                });
            });
    }

    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::string path_;
    std::function<std::string()> status_;
};

control::control(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
control::control(control&&) noexcept = default;
control& control::operator=(control&& other) noexcept {
    if (impl_) impl_->close();
    impl_ = std::move(other.impl_);
    return *this;
}
control::~control() {
    if (impl_) impl_->close();
}

result<control> control::open(asio::io_context& context, const std::string& path,
                              std::function<std::string()> status) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return error{"control socket " + path + ": expected a path of at most " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
    auto i = std::make_shared<impl>(context, path, std::move(status));
    if (auto listening = i->listen(); !listening) return listening.error();
    return control(std::move(i));
}

result<std::string> ask_status(const std::string& path) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return error{"control socket: path too long"};
    asio::io_context context;
    stream_protocol::socket socket(context);
    boost::system::error_code failed;
    socket.connect(stream_protocol::endpoint(path), failed);
    if (failed) return error{"no server answers at " + path + ": " + failed.message()};
    const timeval limit{patience.count(), 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string text;
    char chunk[4096];
    for (;;) {
        const auto got = ::recv(socket.native_handle(), chunk, sizeof chunk, 0);
        if (got < 0) return error{"the server at " + path + " does not answer"};
        if (got == 0) return {boost::system::in_place_value, std::move(text)};
        text.append(chunk, static_cast<std::size_t>(got));
    }
}

} // namespace chronoknock::io

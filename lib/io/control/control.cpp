#include "io/control/control.hpp"

#include "io/log/log.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace chronoknock::io {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr int most_waiting = 16;
constexpr mode_t owner_only = 0177;              // umask
constexpr milliseconds patience_of_client{5000}; // longer than a place is held by somebody who does not read
// The kernel tells the writer of no progress before most of its buffer is read: with a big one a slow reader
// would look like one who does not read. So 4 KiB a second are fast enough.
constexpr int send_buffer = 4 << 10;
constexpr std::size_t most_sessions = 4; // each holds a text, with 10,000 keys some MB

bool somebody_answers(const stream_protocol::endpoint& where) {
    asio::io_context context;
    stream_protocol::socket s(context);
    boost::system::error_code failed;
    s.connect(where, failed);
    return !failed;
}

/// One who asked: the text goes out, or the time in which none of it does.
class session : public std::enable_shared_from_this<session> {
public:
    session(stream_protocol::socket s, std::string t, milliseconds patience, std::function<void()> ended)
        : socket_(std::move(s)), text_(std::move(t)), patience_(patience), deadline_(socket_.get_executor()),
          ended_(std::move(ended)) {}
    ~session() { ended_(); }

    void start() {
        boost::system::error_code ignored;
        socket_.set_option(asio::socket_base::send_buffer_size(send_buffer), ignored);
        write();
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
        deadline_.cancel();
    }

private:
    void write() {
        deadline_.expires_after(patience_);
        deadline_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
        });
        const auto rest = asio::buffer(text_) + written_;
        socket_.async_write_some(
            rest, [self = shared_from_this()](boost::system::error_code failed, std::size_t n) {
                self->written_ += n;
                if (failed || self->written_ == self->text_.size())
                    self->close();
                else
                    self->write();
            });
    }

    stream_protocol::socket socket_;
    std::string text_;
    std::size_t written_ = 0;
    milliseconds patience_;
    asio::steady_timer deadline_;
    std::function<void()> ended_;
};

} // namespace

class control::impl : public std::enable_shared_from_this<control::impl> {
public:
    impl(asio::io_context& context, std::string path, std::function<std::string()> status,
         milliseconds patience)
        : acceptor_(context), pause_(context), path_(std::move(path)), status_(std::move(status)),
          patience_(patience) {}

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
        for (const auto& s : sessions_)
            if (const auto open = s.lock()) open->close();
    }

private:
    /// Accepts the next one, when there is a place for him.
    void accept() {
        std::erase_if(sessions_, [](const auto& s) { return s.expired(); });
        if (accepting_ || !acceptor_.is_open() || sessions_.size() >= most_sessions) return;
        accepting_ = true;
        acceptor_.async_accept(
            [self = shared_from_this()](boost::system::error_code failed, stream_protocol::socket socket) {
                if (!self->acceptor_.is_open()) return;
                if (!failed) {
                    self->accepting_ = false;
                    self->answer(std::move(socket));
                    self->accept();
                    return;
                }
                // Out of descriptors, say: asking again at once would spin.
                self->pause_.expires_after(self->patience_);
                self->pause_.async_wait([self](boost::system::error_code stopped) {
                    self->accepting_ = false;
                    if (!stopped) self->accept();
                });
            });
    }

    void answer(stream_protocol::socket socket) {
        const auto s = std::make_shared<session>(std::move(socket), status_(), patience_,
                                                 [self = shared_from_this()] { self->accept(); });
        sessions_.push_back(s);
        s->start();
    }

    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::string path_;
    std::function<std::string()> status_;
    milliseconds patience_;
    bool accepting_ = false;
    std::vector<std::weak_ptr<session>> sessions_;
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
                              std::function<std::string()> status, milliseconds patience) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return error{"control socket " + path + ": expected a path of at most " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
    auto i = std::make_shared<impl>(context, path, std::move(status), patience);
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
    const timeval limit{patience_of_client / seconds(1), 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string text;
    char chunk[4096];
    for (;;) {
        const auto got = ::recv(socket.native_handle(), chunk, sizeof chunk, 0);
        if (got < 0 && errno == EINTR) continue; // stopped at the terminal, say, and continued
        if (got < 0) return error{"the server at " + path + " does not answer"};
        if (got == 0 && text.ends_with('\n')) return {boost::system::in_place_value, std::move(text)};
        if (got == 0) return error{"the server at " + path + " broke off its answer"};
        text.append(chunk, static_cast<std::size_t>(got));
    }
}

} // namespace chronoknock::io

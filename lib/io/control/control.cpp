#include "io/control/control.hpp"

#include "base/text.hpp"
#include "io/control/ask.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace chronoknock::io {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr int most_waiting = 16;
constexpr mode_t owner_only = 0177; // umask
// The kernel tells the writer of no progress before most of its buffer is read: with a big one a slow reader
// would look like one who does not read. So 4 KiB a second are fast enough.
constexpr int send_buffer = 4 << 10;
constexpr std::size_t most_sessions = 4; // each holds an answer, with 10,000 keys some MB

/// One client: its request is read, worked on and answered, in that order.
class session : public std::enable_shared_from_this<session> {
    /// A handler that goes on by `next`, or closes if reading or writing failed.
    template <class Next>
    auto step(Next next) {
        return [self = shared_from_this(), next](boost::system::error_code failed, std::size_t n) {
            self->transferred_ = n;
            if (failed)
                self->close();
            else
                next(*self);
        };
    }

public:
    session(stream_protocol::socket s, std::shared_ptr<const operations> table, milliseconds patience,
            std::function<void()> ended)
        : socket_(std::move(s)), table_(std::move(table)), patience_(patience),
          deadline_(socket_.get_executor()), ended_(std::move(ended)) {}
    ~session() { ended_(); }

    void start() {
        boost::system::error_code ignored;
        socket_.set_option(asio::socket_base::send_buffer_size(send_buffer), ignored);
        arm();
        asio::async_read(socket_, asio::buffer(header_), step([](session& s) { s.read_text(); }));
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
        deadline_.cancel();
    }

private:
    void arm() {
        deadline_.expires_after(patience_);
        deadline_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
        });
    }

    void read_text() {
        const auto size = frame_size(header_, most_request);
        if (!size) return finish(size.error());
        text_.resize(*size);
        asio::async_read(socket_, asio::buffer(text_), step([](session& s) { s.work(); }));
    }

    void work() {
        deadline_.expires_at(
            asio::steady_timer::time_point::max()); // how long it takes is the operation's business
        const auto r = parse_request(text_);
        if (!r) return finish(r.error());
        const auto found = table_->find(r->operation);
        if (found == table_->end())
            return finish(error{"unknown operation '" + printable(r->operation) + "'"});
        try {
            found->second(r->arguments, [self = shared_from_this()](const answer& a) { self->finish(a); });
        } catch (const std::exception& e) {
            finish(error{r->operation + ": " + e.what()});
        }
    }

    void finish(const answer& a) {
        if (std::exchange(answered_, true)) return;
        text_ = to_frame(to_text(a));
        write();
    }

    void write() {
        arm();
        socket_.async_write_some(asio::buffer(text_) + written_, step([](session& s) {
                                     s.written_ += s.transferred_;
                                     if (s.written_ == s.text_.size())
                                         s.close();
                                     else
                                         s.write();
                                 }));
    }

    stream_protocol::socket socket_;
    std::shared_ptr<const operations> table_;
    milliseconds patience_;
    asio::steady_timer deadline_;
    std::function<void()> ended_;
    frame_header header_{};
    std::string text_; ///< of the request, then the frame of the answer
    std::size_t transferred_ = 0;
    std::size_t written_ = 0;
    bool answered_ = false;
};

} // namespace

class control::impl : public std::enable_shared_from_this<control::impl> {
public:
    impl(asio::io_context& context, std::string path, operations table, milliseconds patience)
        : acceptor_(context), pause_(context), path_(std::move(path)),
          table_(std::make_shared<const operations>(std::move(table))), patience_(patience) {}

    result<void> listen() {
        if (somebody_listens(path_))
            return error{"control socket " + path_ + ": another chronoknock server answers there"};
        const stream_protocol::endpoint where(path_);
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
        try_again_later();
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
    /// Accepts the next one, when there is a place for him. A session's destructor calls it, so nothing may
    /// be thrown: what fails is tried again by try_again_later().
    void accept() noexcept {
        if (accepting_ || !acceptor_.is_open()) return;
        try {
            std::erase_if(sessions_, [](const auto& s) { return s.expired(); });
            if (sessions_.size() >= most_sessions) return;
            acceptor_.async_accept(
                [self = shared_from_this()](boost::system::error_code failed, stream_protocol::socket s) {
                    self->accepting_ = false;
                    if (failed || !self->acceptor_.is_open())
                        return; // out of descriptors, say: asking again at once would spin
                    self->serve(std::move(s));
                    self->accept();
                });
            accepting_ = true;
        } catch (const std::exception&) { // no memory, say
        }
    }

    void try_again_later() {
        pause_.expires_after(patience_);
        pause_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (stopped) return;
            self->try_again_later();
            self->accept();
        });
    }

    void serve(stream_protocol::socket socket) {
        const auto s = std::make_shared<session>(std::move(socket), table_, patience_,
                                                 [self = shared_from_this()] { self->accept(); });
        sessions_.push_back(s);
        s->start();
    }

    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    std::string path_;
    std::shared_ptr<const operations> table_;
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

result<control> control::open(asio::io_context& context, const std::string& path, operations table,
                              milliseconds patience) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return error{"control socket " + path + ": expected a path of at most " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
    auto i = std::make_shared<impl>(context, path, std::move(table), patience);
    if (auto listening = i->listen(); !listening) return listening.error();
    return control(std::move(i));
}

} // namespace chronoknock::io

#include "io/control/control.hpp"

#include "base/text.hpp"
#include "io/control/ask.hpp"
#include "io/log/log.hpp"
#include "io/system/groups.hpp"

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
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
// would look like one who does not read.
constexpr int send_buffer = 4 << 10;
// Of an answer, within each `patience`, on average: who reads slower holds it in our memory for hours.
constexpr std::size_t least_read = 32 << 10;
constexpr std::size_t most_sessions = 4; // each holds an answer, with 10,000 keys some MB
constexpr milliseconds breath{1};        // after somebody was turned away
constexpr int rest = 4;                  // so many times as long as a member's operation took

using turn = asio::steady_timer::time_point;

bool is_owner(stream_protocol::socket& s, uid_t starter) {
    ucred who{};
    socklen_t size = sizeof who;
    return ::getsockopt(s.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == 0 || who.uid == starter);
}

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
    /// members: when the next operation for one of them may begin; null: an owner asks.
    session(stream_protocol::socket s, std::shared_ptr<const operations> table, milliseconds patience,
            std::shared_ptr<turn> members, std::function<void()> ended)
        : socket_(std::move(s)), table_(std::move(table)), patience_(patience), members_(std::move(members)),
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
        deadline_.expires_at(std::min(asio::steady_timer::clock_type::now() + patience_, last_));
        deadline_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
            if (!stopped && self->deadline_.expiry() <= asio::steady_timer::clock_type::now()) self->close();
        });
    }

    void read_text() {
        const auto size = frame_size(header_, most_request);
        if (!size) return finish(size.error());
        text_.resize(*size);
        asio::async_read(socket_, asio::buffer(text_), step([](session& s) { s.wait_for_turn(); }));
    }

    void wait_for_turn() {
        const auto now = asio::steady_timer::clock_type::now;
        if (!members_) return work();
        if (now() < *members_) {
            deadline_.expires_at(*members_);
            return deadline_.async_wait([self = shared_from_this()](boost::system::error_code stopped) {
                if (!stopped) self->wait_for_turn();
            });
        }
        const auto began = now();
        work();
        *members_ = now() + rest * (now() - began);
    }

    void work() {
        deadline_.expires_at(
            asio::steady_timer::time_point::max()); // how long it takes is the operation's business
        const auto r = parse_request(text_);
        if (!r) return finish(r.error());
        const auto found = table_->find(r->operation);
        if (found == table_->end())
            return finish(error{"unknown operation '" + printable(r->operation) + "'"});
        if (found->second.allowed == access::owner && members_)
            return finish(error{r->operation + ": expected root, or who has started the server"});
        try {
            found->second.run(r->arguments,
                              [self = shared_from_this()](const answer& a) { self->finish(a); });
        } catch (const std::exception& e) {
            finish(error{r->operation + ": " + e.what()});
        }
    }

    void finish(const answer& a) {
        if (std::exchange(answered_, true)) return;
        text_ = to_frame(to_text(a));
        last_ = asio::steady_timer::clock_type::now() +
                patience_ * static_cast<std::int64_t>(1 + text_.size() / least_read);
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
    std::shared_ptr<turn> members_;
    asio::steady_timer deadline_;
    asio::steady_timer::time_point last_ =
        asio::steady_timer::time_point::max(); ///< the deadline of the whole answer
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
    impl(asio::io_context& context, std::string path, operations table, milliseconds patience, uid_t starter)
        : acceptor_(context), pause_(context), breath_(context), path_(std::move(path)),
          table_(std::make_shared<const operations>(std::move(table))), patience_(patience),
          starter_(starter) {}

    result<void> bind(const std::string& group) {
        if (somebody_listens(path_))
            return error{"control socket " + path_ + ": another chronoknock server answers there"};
        const stream_protocol::endpoint where(path_);
        boost::system::error_code failed;
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
        struct stat found{};
        if (::lstat(path_.c_str(), &found) == 0) {
            if (!S_ISSOCK(found.st_mode))
                return error{"control socket " + path_ + ": expected a socket or nothing there"};
            ::unlink(path_.c_str());
        }
        acceptor_.open();
        const auto umask_before = ::umask(owner_only);
        acceptor_.bind(where, failed);
        ::umask(umask_before);
        if (!failed && !group.empty()) open_to(group);
        if (failed) return error{"control socket " + path_ + ": " + failed.message()};
        return {};
    }

    /// Again it does nothing.
    result<void> listen() {
        if (listens_) return {};
        boost::system::error_code failed;
        acceptor_.listen(most_waiting, failed);
        if (failed) return error{"control socket " + path_ + ": " + failed.message()};
        listens_ = true;
        accept();
        try_again_later();
        return {};
    }

    void close() {
        boost::system::error_code ignored;
        if (acceptor_.is_open()) ::unlink(path_.c_str());
        acceptor_.close(ignored);
        pause_.cancel();
        breath_.cancel();
        for (const auto* all : {&owners_, &members_})
            for (const auto& s : *all)
                if (const auto open = s.lock()) open->close();
    }

private:
    /// Accepts the next one, when there is a place for him. A session's destructor calls it, so nothing may
    /// be thrown: what fails is tried again by try_again_later().
    void accept() noexcept {
        if (accepting_ || !acceptor_.is_open()) return;
        try {
            if (full(owners_)) return;
            acceptor_.async_accept(
                [self = shared_from_this()](boost::system::error_code failed, stream_protocol::socket s) {
                    self->accepting_ = false;
                    if (failed || !self->acceptor_.is_open())
                        return; // out of descriptors, say: asking again at once would spin
                    if (self->serve(std::move(s))) return self->accept();
                    self->breath_.expires_after(breath);
                    self->breath_.async_wait([self](boost::system::error_code) { self->accept(); });
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

    static bool full(std::vector<std::weak_ptr<session>>& sessions) {
        std::erase_if(sessions, [](const auto& s) { return s.expired(); });
        return sessions.size() >= most_sessions;
    }

    /// False if there is no place. An owner may wait behind a member, so those who find none are turned away.
    bool serve(stream_protocol::socket socket) {
        const bool own = is_owner(socket, starter_);
        if (!own && full(members_)) {
            const auto busy = to_frame(to_text(answer(error{"too many ask at once; ask again in a moment"})));
            (void)::send(socket.native_handle(), busy.data(), busy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            return false;
        }
        const auto s =
            std::make_shared<session>(std::move(socket), table_, patience_, own ? nullptr : members_turn_,
                                      [self = shared_from_this()] { self->accept(); });
        (own ? owners_ : members_).push_back(s);
        s->start();
        return true;
    }

    /// Lets a group in. What of it cannot be had the log says: the owner is served all the same.
    void open_to(const std::string& group) {
        const auto id = group_id(group);
        const auto folder = std::filesystem::path(path_).parent_path();
        if (!id)
            log::warning("control socket: " + id.error().text);
        else if (::chown(path_.c_str(), uid_t(-1), *id) != 0 || ::chmod(path_.c_str(), 0660) != 0)
            log::warning("control socket: it cannot be given to the group " + group + ": " +
                         std::strerror(errno) +
                         "; expected us in it (in a unit of systemd: SupplementaryGroups=" + group + ")");
        else if (struct stat s{}; ::stat(folder.c_str(), &s) == 0 && !(s.st_mode & S_IXOTH) &&
                                  !(s.st_gid == *id && (s.st_mode & S_IXGRP)))
            log::warning("control socket: the group " + group + " cannot reach it: expected chgrp " + group +
                         " " + folder.string() + " and chmod g+x, or o+x");
    }

    stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;
    asio::steady_timer breath_;
    std::string path_;
    std::shared_ptr<const operations> table_;
    milliseconds patience_;
    uid_t starter_;
    bool listens_ = false;
    bool accepting_ = false;
    std::vector<std::weak_ptr<session>> owners_;
    std::vector<std::weak_ptr<session>> members_;
    std::shared_ptr<turn> members_turn_ = std::make_shared<turn>();
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

result<void> control::listen() { return impl_->listen(); }

result<control> control::bind(asio::io_context& context, const std::string& path, operations table,
                              milliseconds patience, const std::string& group, uid_t starter) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return error{"control socket " + path + ": expected a path of at most " +
                     std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes"};
    auto i = std::make_shared<impl>(context, path, std::move(table), patience, starter);
    if (auto bound = i->bind(group); !bound) return bound.error();
    return control(std::move(i));
}

} // namespace chronoknock::io

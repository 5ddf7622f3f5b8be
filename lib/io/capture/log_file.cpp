#include "io/capture/log_file.hpp"

#include "base/text.hpp"
#include "io/capture/complaint.hpp"
#include "io/capture/log_follower.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/descriptor.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace chronoknock::io {

namespace {

// The clock that files are stamped by is behind by a tick of the kernel's, of 10 ms at the most.
constexpr auto file_time_lag = milliseconds(20);

std::optional<file_state> state_of(const struct stat& s) {
    return file_state{s.st_dev, s.st_ino, static_cast<std::uint64_t>(s.st_size),
                      s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec};
}

} // namespace

class log_file::impl : public std::enable_shared_from_this<impl> {
public:
    impl(boost::asio::io_context& context, std::string path, std::shared_ptr<const packet::log_format> format,
         sink to)
        : context_(context), path_(std::move(path)), folder_(path_.substr(0, path_.rfind('/') + 1)),
          format_(std::move(format)), sink_(std::move(to)), changes_(context), timer_(context),
          follower_((system_now() - file_time_lag).time_since_epoch().count()) {}

    result<void> start() {
        buffer_.resize(log_follower::most_per_read);
        watch();
        starting_ = true;
        wake();
        starting_ = false;
        if (!problem_.empty()) return error{"capture: " + printable(path_) + ": " + problem_};
        return {};
    }

    void stop() {
        ++turn_;
        timer_.cancel();
        boost::system::error_code ignored;
        changes_.close(ignored);
        file_ = descriptor();
    }

    counters count() const {
        auto c = counters_;
        c.passed_over += follower_.lines().too_long() + follower_.lines().cut();
        return c;
    }

private:
    using action = log_follower::action;

    /// Without it the timer alone must do.
    void watch() {
        const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        boost::system::error_code failed;
        if (fd >= 0) changes_.assign(fd, failed);
        if (fd < 0 || failed) {
            if (fd >= 0) ::close(fd);
            log::warning("capture: " + printable(path_) +
                         ": its changes cannot be watched, it is looked at every second: " +
                         (fd < 0 ? std::strerror(errno) : failed.message()));
        }
    }

    /// Files that come to the folder; the folder itself may have come late, or again. (Adding it twice is
    /// once.)
    void watch_folder() {
        if (changes_.is_open())
            ::inotify_add_watch(changes_.native_handle(), folder_.empty() ? "." : folder_.c_str(),
                                IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    }

    /// By its descriptor: under whatever name it goes.
    void watch_file() {
        if (!changes_.is_open()) return;
        const auto by_descriptor = "/proc/self/fd/" + std::to_string(file_.get());
        watched_file_ = ::inotify_add_watch(changes_.native_handle(), by_descriptor.c_str(), IN_MODIFY);
    }

    void wake() {
        ++turn_;
        timer_.cancel();
        forget_news();
        now_ = boot_now();
        took_lines_ = false;
        carry_out(follower_.wake());
        if (!std::exchange(took_lines_, false)) return;
        try {
            sink_.batch_end(now_);
        } catch (...) {
            complain(std::current_exception());
        }
    }

    /// What changed is not looked at. What changes from now on wakes again.
    void forget_news() {
        if (!changes_.is_open()) return;
        changes_.cancel();
        char news[4096];
        for (int left = 64; left > 0 && ::read(changes_.native_handle(), news, sizeof news) > 0; --left) {
        }
    }

    /// Of those of one turn the first to complete wakes.
    auto waker(std::uint64_t turn) {
        return [self = shared_from_this(), turn](boost::system::error_code ec) {
            if (!ec && turn == self->turn_) self->wake();
        };
    }

    /// Until it waits for something. (Not by recursion: a turn may have many steps.)
    void carry_out(log_follower::actions todo) {
        while (!todo.empty()) {
            log_follower::actions next;
            for (const auto one : todo) {
                auto more = carry_out(one);
                next.insert(next.end(), more.begin(), more.end());
            }
            todo = std::move(next);
        }
    }

    log_follower::actions carry_out(action one) {
        switch (one) {
        case action::look:
            return look();
        case action::open:
            return open();
        case action::close:
            close();
            return {};
        case action::read:
            return read();
        case action::read_ends:
            return read_ends();
        case action::wait:
            wait();
            return {};
        case action::pause:
            wake_after(log_follower::pause_length);
            return {};
        case action::yield:
            boost::asio::post(context_, [again = waker(++turn_)] { again({}); });
            return {};
        case action::tell_following:
            tell(log::level::info, "following it");
            return {};
        case action::tell_absent:
            tell(log::level::warning, "there is no such file; waiting for it");
            return {};
        case action::tell_open_failed:
            if (!starting_) tell(log::level::error, problem_);
            return {};
        case action::tell_read_failed:
            tell(log::level::warning, problem_);
            return {};
        case action::tell_replaced:
            write(log::level::info, "replaced by another file");
            return {};
        case action::tell_truncated:
            write(log::level::info, "truncated; reading it from its beginning");
            return {};
        case action::tell_rewritten:
            write(log::level::warning, "shortened or rewritten; going on behind what it held");
            return {};
        }
        return {};
    }

    log_follower::actions look() {
        struct stat s{};
        std::optional<file_state> named, held;
        if (::stat(path_.c_str(), &s) == 0) named = state_of(s);
        if (file_ && ::fstat(file_.get(), &s) == 0) held = state_of(s);
        return follower_.looked(named, held);
    }

    log_follower::actions open() {
        const auto failed = [this](const std::string& why) {
            problem_ = why;
            file_ = descriptor();
            return follower_.open_failed();
        };
        file_ = descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
        struct stat s{};
        if (!file_ || ::fstat(file_.get(), &s) != 0)
            return failed(std::string("cannot open: ") + std::strerror(errno));
        if (!S_ISREG(s.st_mode)) return failed("expected a regular file");
        problem_.clear();
        watch_file(); // before its size is asked for: what is written later is told of
        if (::fstat(file_.get(), &s) != 0) return failed(std::string("cannot open: ") + std::strerror(errno));
        return follower_.opened(*state_of(s));
    }

    void close() {
        if (watched_file_ >= 0) ::inotify_rm_watch(changes_.native_handle(), watched_file_);
        watched_file_ = -1;
        file_ = descriptor();
    }

    /// As many bytes as there are, up to the buffer's size; -1: it cannot be read.
    ssize_t read_at(std::uint64_t offset, std::span<char> into) {
        const auto n = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
        if (n < 0) problem_ = std::string("cannot read: ") + std::strerror(errno);
        return n;
    }

    log_follower::actions read() {
        const auto n = read_at(follower_.offset(), buffer_);
        if (n < 0) return follower_.read_failed();
        return follower_.read({buffer_.data(), static_cast<std::size_t>(n)},
                              [this](std::string_view one) { take(one); });
    }

    log_follower::actions read_ends() {
        struct stat s{};
        std::array<char, log_follower::most_head> head;
        const auto size = ::fstat(file_.get(), &s) == 0 ? static_cast<std::uint64_t>(s.st_size) : 0;
        const auto end_at = size - std::min<std::uint64_t>(size, buffer_.size());
        const auto of_head = read_at(0, std::span(head).first(std::min<std::uint64_t>(size, head.size())));
        const auto of_end = read_at(end_at, std::span(buffer_).first(size - end_at));
        if (of_head < 0 || of_end < 0) return follower_.read_failed();
        return follower_.ends({head.data(), static_cast<std::size_t>(of_head)},
                              {buffer_.data(), static_cast<std::size_t>(of_end)}, end_at);
    }

    void take(std::string_view text) {
        packet::event e;
        if (!format_->read(text, e)) {
            ++counters_.passed_over;
            return;
        }
        ++counters_.matched;
        took_lines_ = true;
        try {
            sink_.observe(e, now_);
        } catch (...) {
            complain(std::current_exception());
        }
    }

    void wait() {
        watch_folder();
        const auto turn = wake_after(log_follower::recheck_after);
        if (changes_.is_open()) changes_.async_wait(changes_.wait_read, waker(turn));
    }

    std::uint64_t wake_after(nanoseconds length) {
        timer_.expires_after(length);
        timer_.async_wait(waker(++turn_));
        return turn_;
    }

    void complain(const std::exception_ptr& thrown) {
        if (const auto text = complaint_.text(thrown, now_))
            write(log::level::error, "a line could not be dealt with: " + *text);
    }

    /// Logs what is so, once until something else is.
    void tell(log::level level, const std::string& what) {
        if (what == told_) return;
        told_ = what;
        write(level, what);
    }

    void write(log::level level, const std::string& what) const {
        log::write(level, "capture: " + printable(path_) + ": " + what);
    }

    boost::asio::io_context& context_;
    const std::string path_;
    const std::string folder_;
    const std::shared_ptr<const packet::log_format> format_;
    const sink sink_;
    boost::asio::posix::stream_descriptor changes_; ///< inotify's
    boost::asio::steady_timer timer_;
    log_follower follower_;
    descriptor file_;
    int watched_file_ = -1;
    std::vector<char> buffer_;
    counters counters_;
    complaint complaint_;
    instant now_{};
    std::uint64_t turn_ = 0;
    bool took_lines_ = false; ///< in this turn
    bool starting_ = false;   ///< what fails is the caller's to tell
    std::string problem_;     ///< why opening or reading failed
    std::string told_;
};

log_file::log_file(boost::asio::io_context& context, std::string path,
                   std::shared_ptr<const packet::log_format> format, sink to)
    : impl_(std::make_shared<impl>(context, std::move(path), std::move(format), std::move(to))) {}
log_file::~log_file() { impl_->stop(); }
result<void> log_file::start() { return impl_->start(); }
void log_file::stop() { impl_->stop(); }
log_file::counters log_file::count() const { return impl_->count(); }

} // namespace chronoknock::io

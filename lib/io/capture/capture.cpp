#include "io/capture/capture.hpp"

#include "base/text.hpp"
#include "io/capture/complaint.hpp"
#include "io/capture/packet_socket.hpp"
#include "io/capture/source_machine.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/descriptor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {

bool wanted(const packet::sieve& sieve, const packet::event& e, capture::counters& count) {
    switch (sieve.judge(e)) {
    case packet::sieve::verdict::outside:
        ++count.outside;
        return false;
    case packet::sieve::verdict::elsewhere:
        ++count.elsewhere;
        return false;
    case packet::sieve::verdict::wanted:
        break;
    }
    ++(e.kind == packet::kind::syn ? count.syns : count.datagrams);
    return true;
}

} // namespace

/// One interface: does what its machine decides. Its completion handlers hold it, so that it may be stopped
/// while one of them is on its way.
class capture::source : public std::enable_shared_from_this<source> {
public:
    source(boost::asio::io_context& context, std::string name, const packet::capture_wish& wish,
           const packet::sieve& sieve, capture_handler& handler)
        : name_(std::move(name)), wish_(wish), sieve_(sieve), handler_(handler), readable_(context),
          pause_(context), retry_(context) {}
    source(const source&) = delete;
    source& operator=(const source&) = delete;
    ~source() { stop(); }

    result<void> start() {
        // It sees nothing; it is asked about interfaces, and having it shows the privilege.
        control_ = descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        if (!control_)
            return error{"cannot open a packet socket: " + std::string(std::strerror(errno)) +
                         "; CAP_NET_RAW is needed"};
        starting_ = true;
        carry_out(machine_.start());
        starting_ = false;
        if (machine_.now() == source_machine::state::failed) return error{problem_};
        return {};
    }

    void stop() {
        carry_out(machine_.stop());
        retry_.cancel();
        control_ = descriptor();
    }

    const std::string& name() const { return name_; }

    counters count() const {
        auto c = counters_;
        if (socket_) c.dropped += socket_->dropped();
        return c;
    }

private:
    using action = source_machine::action;

    void carry_out(const source_machine::actions& todo) {
        for (const auto one : todo) carry_out(one);
    }

    void carry_out(action one) {
        switch (one) {
        case action::look:
            return carry_out(machine_.link_seen(ask()));
        case action::open:
            return carry_out(open() ? machine_.opened() : machine_.open_failed());
        case action::close:
            return close();
        case action::wait:
            return wait();
        case action::pause:
            return pause(source_machine::pause_length);
        case action::yield:
            return pause(nanoseconds(0));
        case action::retry:
            return retry();
        case action::tell_listening:
            return tell(log::level::info, "listening");
        case action::tell_absent:
            return tell(log::level::warning, "there is no such interface; waiting for it");
        case action::tell_down:
            return tell(log::level::warning, "the interface is down; waiting for it");
        case action::tell_open_failed:
            if (!starting_) tell(log::level::error, problem_);
            return;
        case action::tell_read_failed:
            return tell(log::level::warning, problem_);
        }
    }

    link_state ask() const {
        if (name_ == "any" || name_.starts_with(nflog_mark)) return {-1, true};
        ifreq request{};
        if (name_.size() >= sizeof request.ifr_name) return {};
        name_.copy(request.ifr_name, name_.size());
        link_state link;
        if (::ioctl(control_.get(), SIOCGIFINDEX, &request) != 0) return {};
        link.index = request.ifr_ifindex;
        if (::ioctl(control_.get(), SIOCGIFFLAGS, &request) != 0) return {};
        link.up = (request.ifr_flags & IFF_UP) != 0;
        return link;
    }

    bool open() {
        auto opened = packet_socket::open(name_, wish_);
        if (opened)
            socket_.emplace(std::move(*opened));
        else
            problem_ = opened.error().text;
        return bool(opened);
    }

    void close() {
        if (!socket_) return;
        counters_.dropped += socket_->dropped();
        ++turn_;
        pause_.cancel();
        if (readable_.is_open()) readable_.release();
        socket_.reset();
    }

    void retry() {
        retry_.expires_after(source_machine::retry_after);
        retry_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (!ec) self->carry_out(self->machine_.look_again());
        });
    }

    /// Completes the one wait that goes on, whichever it is; one that was overtaken finds another turn.
    auto next() {
        return [self = shared_from_this(), turn = ++turn_](boost::system::error_code ec) {
            if (!ec && turn == self->turn_) self->read();
        };
    }

    void wait() {
        boost::system::error_code failed;
        if (!readable_.is_open()) readable_.assign(socket_->descriptor(), failed);
        if (failed) { // of the kernel's memory for epoll, say
            problem_ = failed.message();
            return carry_out(machine_.read_failed());
        }
        readable_.async_wait(readable_.wait_read, next());
    }

    /// Were the descriptor still known to Asio, its epoll_wait would return for every packet, wanted or not.
    void pause(nanoseconds length) {
        if (readable_.is_open()) readable_.release();
        pause_.expires_after(length);
        pause_.async_wait(next());
    }

    void read() {
        now_ = boot_now();
        ++counters_.wakes;
        const auto done = socket_->read(source_machine::most_per_turn, [this](auto bytes) { take(bytes); });
        if (done.thrown) complain(done.thrown);
        if (done.frames < 0) {
            problem_ = socket_->problem();
            return carry_out(machine_.read_failed());
        }
        if (done.frames > 0) {
            try {
                handler_.batch_end(now_);
            } catch (...) {
                complain(std::current_exception());
            }
        }
        carry_out(machine_.read(done.frames, now_));
    }

    void take(std::span<const std::uint8_t> frame) {
        ++counters_.seen;
        auto& e = event_;
        const auto found = packet::decode(socket_->link(), frame, e);
        if (found == packet::verdict::malformed) ++counters_.malformed;
        if (found != packet::verdict::event) return;
        if (wanted(sieve_, e, counters_)) handler_.observe(e, now_);
    }

    void complain(const std::exception_ptr& thrown) {
        if (const auto text = complaint_.text(thrown, now_))
            write(log::level::error, "a packet could not be dealt with: " + *text);
    }

    /// Logs what is so, once until something else is.
    void tell(log::level level, const std::string& what) {
        if (what == told_) return;
        told_ = what;
        write(level, what);
    }

    void write(log::level level, const std::string& what) const {
        log::write(level, "capture: " + printable(name_) + ": " + what);
    }

    const std::string name_;
    const packet::capture_wish wish_;
    const packet::sieve& sieve_;
    capture_handler& handler_;
    source_machine machine_;
    boost::asio::posix::stream_descriptor readable_; ///< only borrows libpcap's descriptor
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer retry_;
    std::optional<packet_socket> socket_;
    descriptor control_;
    counters counters_;
    packet::event event_; ///< the last one: making it anew for each packet costs something
    instant now_{};
    std::uint64_t turn_ = 0;
    bool starting_ = false; ///< what fails is the caller's to tell
    std::string problem_;   ///< why opening or reading failed
    std::string told_;
    complaint complaint_;
};

capture::counters& capture::counters::operator+=(const counters& more) {
    seen += more.seen;
    syns += more.syns;
    datagrams += more.datagrams;
    outside += more.outside;
    elsewhere += more.elsewhere;
    malformed += more.malformed;
    dropped += more.dropped;
    wakes += more.wakes;
    lines_matched += more.lines_matched;
    lines_passed_over += more.lines_passed_over;
    return *this;
}

capture::capture(boost::asio::io_context& context, const packet::capture_wish& wish,
                 std::vector<prefix> also_for)
    : sieve_(wish), own_(context, [this, also_for = std::move(also_for)](const std::vector<prefix>& own) {
          auto all = also_for;
          all.insert(all.end(), own.begin(), own.end());
          sieve_.set_destinations(prefix_set(all));
      }) {}

capture::capture(boost::asio::io_context& context, const std::vector<std::string>& interfaces,
                 const packet::capture_wish& wish, std::vector<prefix> also_for, capture_handler& handler)
    : capture(context, wish, std::move(also_for)) {
    for (const auto& name : interfaces)
        sources_.push_back(std::make_shared<source>(context, name, wish, sieve_, handler));
}

capture::capture(boost::asio::io_context& context, log_source log, const packet::capture_wish& wish,
                 std::vector<prefix> also_for, capture_handler& handler)
    : capture(context, wish, std::move(also_for)) {
    const auto observe = [this, &handler](const packet::event& e, instant now) {
        if (wanted(sieve_, e, of_log_)) handler.observe(e, now);
    };
    log_ = std::make_unique<log_file>(
        context, std::move(log.path), std::move(log.format),
        log_file::sink{observe, [&handler](instant now) { handler.batch_end(now); }});
}

capture::~capture() { stop(); }

result<void> capture::start() {
    own_.start();
    for (const auto& one : sources_)
        if (const auto started = one->start(); !started)
            return error{"capture: " + printable(one->name()) + ": " + started.error().text};
    return log_ ? log_->start() : result<void>();
}

void capture::stop() {
    own_.stop();
    for (const auto& one : sources_) one->stop();
    if (log_) log_->stop();
}

capture::counters capture::count() const {
    counters sum = of_log_;
    if (log_) {
        sum.lines_matched = log_->count().matched;
        sum.lines_passed_over = log_->count().passed_over;
    }
    for (const auto& one : sources_) sum += one->count();
    return sum;
}

} // namespace chronoknock::io

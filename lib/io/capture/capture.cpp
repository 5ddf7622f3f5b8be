#include "io/capture/capture.hpp"

#include "base/text.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "packet/filter.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <linux/if_packet.h>
#include <net/if.h>
#include <optional>
#include <pcap/pcap.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chronoknock::io {
namespace {

// All headers up to the TCP flags: cooked 20 or Ethernet with two tags 22, IPv4 with options 60, TCP 14.
constexpr int snapshot = 128;
// Some 150,000 SYNs: 0.3 s of half a million a second, should the process be kept from running.
constexpr int ring_bytes = 32 << 20;
// One turn of the loop; then others get theirs.
constexpr int most_per_turn = 4096;
// How long SYNs gather when it is busy.
constexpr auto pause_length = std::chrono::microseconds(500);
constexpr auto retry_after = seconds(1);

/// Tells quiet from busy: a bucket that leaks `leak` SYNs a second and is full with `burst`, which some
/// knocks at the same time stay below.
class load_meter {
public:
    bool busy(instant now, int packets) {
        drained_ = std::max(drained_, now) + packets * per_packet;
        const bool full = drained_ > now + burst * per_packet;
        drained_ = std::min(drained_, now + burst * per_packet + memory);
        return full;
    }

private:
    static constexpr int leak = 10000;
    static constexpr int burst = 128;
    static constexpr auto per_packet = nanoseconds(1'000'000'000 / leak);
    static constexpr auto memory = milliseconds(1); // of a flood that has ended

    instant drained_{};
};

/// What the kernel says of an interface.
struct link_state {
    int index = 0; ///< 0: there is none; "any" has -1
    bool up = false;
};

using pcap_ptr = std::unique_ptr<pcap_t, decltype(&pcap_close)>;

std::optional<packet::link> link_of(pcap_t* p) {
    switch (pcap_datalink(p)) {
    case DLT_EN10MB:
        return packet::link::ethernet;
    case DLT_LINUX_SLL:
        return packet::link::cooked_v1;
    case DLT_LINUX_SLL2:
        return packet::link::cooked_v2;
    case DLT_RAW:
        return packet::link::raw_ip;
    default:
        return std::nullopt;
    }
}

} // namespace

/// One interface. Its completion handlers hold it, so that it may be stopped while one of them is on its way.
class capture::source : public std::enable_shared_from_this<source> {
public:
    source(boost::asio::io_context& context, std::string name, port_set pool, capture_handler& handler)
        : name_(std::move(name)), pool_(std::move(pool)), handler_(handler), readable_(context),
          pause_(context), retry_(context) {}
    source(const source&) = delete;
    source& operator=(const source&) = delete;
    ~source() { stop(); }

    result<void> start() {
        // It sees nothing; it is asked about interfaces, and having it shows the privilege.
        control_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (control_ < 0)
            return error{"cannot open a packet socket: " + std::string(std::strerror(errno)) +
                         "; CAP_NET_RAW is needed"};
        return look();
    }

    void stop() {
        close();
        retry_.cancel();
        if (control_ >= 0) ::close(control_);
        control_ = -1;
    }

    const std::string& name() const { return name_; }

    counters count() const {
        auto c = counters_;
        c.dropped += dropped();
        return c;
    }

private:
    link_state ask() const {
        if (name_ == "any") return {-1, true};
        ifreq request{};
        if (name_.size() >= sizeof request.ifr_name) return {};
        name_.copy(request.ifr_name, name_.size());
        link_state state;
        if (::ioctl(control_, SIOCGIFINDEX, &request) != 0) return {};
        state.index = request.ifr_ifindex;
        if (::ioctl(control_, SIOCGIFFLAGS, &request) != 0) return {};
        state.up = (request.ifr_flags & IFF_UP) != 0;
        return state;
    }

    /// Brings the capture in line with the state of the interface. While that is not as wished, it comes back
    /// here every second: libpcap tells neither of an interface that comes, nor of every one that goes.
    result<void> look() {
        auto state = ask();
        if (pcap_ && state.index != index_) close(); // gone, or another one of the same name
        result<void> done;
        if (!pcap_ && state.up) {
            done = open(state.index);
            if (!done) state = ask();
        }
        if (pcap_ && state.up) {
            say(log::level::info, "listening");
            return {};
        }
        retry();
        if (state.up) return done;
        say(log::level::warning, state.index == 0 ? "there is no such interface; waiting for it"
                                                  : "the interface is down; waiting for it");
        return {};
    }

    void retry() {
        retry_.expires_after(retry_after);
        retry_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (ec || self->control_ < 0) return;
            if (const auto seen = self->look(); !seen) self->say(log::level::error, seen.error().text);
        });
    }

    result<void> open(int index) {
        const auto failed = [](const char* what, pcap_t* p) {
            return error{what + std::string(": ") + pcap_geterr(p)};
        };
        char text[PCAP_ERRBUF_SIZE] = {};
        pcap_ptr p(pcap_create(name_.c_str(), text), &pcap_close);
        if (!p) return error{text};
        pcap_set_snaplen(p.get(), snapshot);
        pcap_set_immediate_mode(p.get(), 1);
        pcap_set_buffer_size(p.get(), ring_bytes);
        if (const int status = pcap_activate(p.get()); status < 0)
            return failed(pcap_statustostr(status), p.get());
        if (name_ == "any") pcap_set_datalink(p.get(), DLT_LINUX_SLL2);
        const auto type = link_of(p.get());
        if (!type)
            return error{"link type " + std::to_string(pcap_datalink(p.get())) +
                         ", expected Ethernet, cooked or raw IP"};
        // Our own SYNs are not wanted: libpcap can drop them, newer kernels (4.20) need not even hand them
        // over.
        if (pcap_setdirection(p.get(), PCAP_D_IN) != 0) return failed("direction", p.get());
        const int on = 1;
        ::setsockopt(pcap_fileno(p.get()), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
        bpf_program program{};
        const auto filter = packet::filter(pool_, *type == packet::link::ethernet);
        if (pcap_compile(p.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
            return failed("filter", p.get());
        const int set = pcap_setfilter(p.get(), &program);
        pcap_freecode(&program);
        if (set != 0) return failed("filter", p.get());
        if (pcap_setnonblock(p.get(), 1, text) != 0) return error{text};

        pcap_ = std::move(p);
        index_ = index;
        link_ = *type;
        wait();
        return {};
    }

    void close() {
        if (!pcap_) return;
        counters_.dropped += dropped();
        ++turn_;
        pause_.cancel();
        if (readable_.is_open()) readable_.release();
        pcap_.reset();
    }

    /// Completes the one wait that goes on, whichever it is; one that was overtaken finds another turn.
    auto next() {
        return [self = shared_from_this(), turn = ++turn_](boost::system::error_code ec) {
            if (!ec && turn == self->turn_) self->drain();
        };
    }

    /// Quiet: the loop wakes for the next SYN.
    void wait() {
        if (!readable_.is_open()) readable_.assign(pcap_get_selectable_fd(pcap_.get()));
        readable_.async_wait(readable_.wait_read, next());
    }

    /// Busy: the loop wakes when the pause is over, and not before: were the descriptor still known to Asio,
    /// its epoll_wait would return for every SYN, wanted or not.
    void poll(nanoseconds after) {
        if (readable_.is_open()) readable_.release();
        pause_.expires_after(after);
        pause_.async_wait(next());
    }

    void drain() {
        now_ = boot_now();
        ++counters_.wakes;
        const auto turn = turn_;
        const int packets =
            pcap_dispatch(pcap_.get(), most_per_turn, &source::on_frame, reinterpret_cast<u_char*>(this));
        if (packets > 0) handler_.batch_end(now_);
        if (packets < 0) {
            say(log::level::warning, pcap_geterr(pcap_.get()));
            close();
            return retry();
        }
        if (packets == 0) {
            // Perhaps the link changed: that wakes the loop, and libpcap does not always tell.
            const auto seen = look();
            if (!seen) say(log::level::error, seen.error().text);
            if (turn != turn_) return; // closed, perhaps opened again
        }
        if (!load_.busy(now_, packets))
            wait();
        else
            poll(packets < most_per_turn ? pause_length : nanoseconds(0));
    }

    static void on_frame(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
        reinterpret_cast<source*>(user)->frame({bytes, header->caplen});
    }

    void frame(std::span<const std::uint8_t> bytes) {
        ++counters_.seen;
        packet::syn s;
        const auto found = packet::decode(link_, bytes, s);
        if (found == packet::verdict::malformed) ++counters_.malformed;
        if (found != packet::verdict::syn) return;
        if (!pool_.contains(s.port)) {
            ++counters_.outside;
            return;
        }
        ++counters_.syns;
        handler_.syn(s, now_);
    }

    std::uint64_t dropped() const {
        pcap_stat stats{};
        return pcap_ && pcap_stats(pcap_.get(), &stats) == 0 ? stats.ps_drop : 0;
    }

    /// Logs what is so, once until something else is.
    void say(log::level level, const std::string& what) {
        if (what == said_) return;
        said_ = what;
        log::write(level, "capture: " + printable(name_) + ": " + what);
    }

    const std::string name_;
    const port_set pool_;
    capture_handler& handler_;
    boost::asio::posix::stream_descriptor readable_; ///< only borrows libpcap's descriptor
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer retry_;
    pcap_ptr pcap_{nullptr, &pcap_close};
    int control_ = -1;
    int index_ = 0;
    packet::link link_{};
    load_meter load_;
    counters counters_;
    instant now_{};
    std::uint64_t turn_ = 0;
    std::string said_;
};

capture::capture(boost::asio::io_context& context, const std::vector<std::string>& interfaces,
                 const port_set& pool, capture_handler& handler) {
    for (const auto& name : interfaces)
        sources_.push_back(std::make_shared<source>(context, name, pool, handler));
}

capture::~capture() { stop(); }

result<void> capture::start() {
    for (const auto& one : sources_)
        if (const auto started = one->start(); !started)
            return error{"capture: " + printable(one->name()) + ": " + started.error().text};
    return {};
}

void capture::stop() {
    for (const auto& one : sources_) one->stop();
}

capture::counters capture::count() const {
    counters sum;
    for (const auto& one : sources_) {
        const auto c = one->count();
        sum.seen += c.seen;
        sum.syns += c.syns;
        sum.outside += c.outside;
        sum.malformed += c.malformed;
        sum.dropped += c.dropped;
        sum.wakes += c.wakes;
    }
    return sum;
}

} // namespace chronoknock::io

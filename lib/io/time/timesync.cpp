#include "io/time/timesync.hpp"

#include "base/text.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "io/system/network_changes.hpp"
#include "io/time/lookup.hpp"
#include "io/time/ntp_socket.hpp"
#include "io/time/nts_ke.hpp"
#include "timesync/answer_gate.hpp"
#include "timesync/certificate_time.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <linux/rtnetlink.h>
#include <list>
#include <openssl/rand.h>
#include <stdexcept>

namespace chronoknock::io {

namespace {

namespace asio = boost::asio;
using bytes = std::vector<std::uint8_t>;

/// The timer's clock stands still while the machine sleeps; so it is looked at this often at the least.
constexpr nanoseconds longest_wait = seconds(30);
template <class T>
T random_value() {
    T value;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1)
        throw std::runtime_error("OpenSSL's random generator fails");
    return value;
}

timesync::settings machine_settings(const config::time_settings& s) {
    timesync::settings m;
    for (std::size_t i = 0; i < s.servers.size(); ++i) {
        const auto& server = s.servers[i];
        if (!server.pool) m.servers.push_back({server.to_string(), server.nts});
        for (std::size_t n = 0; server.pool && n < timesync::pool_size; ++n)
            m.servers.push_back({server.to_string(), false, i});
    }
    m.interval = s.interval;
    m.local_interval = s.local_interval;
    m.max_error = s.max_error;
    m.max_step = s.max_step;
    m.require_nts = s.require_nts;
    return m;
}

/// Where a server's NTP is to be asked, and with what keys.
struct place {
    std::vector<timesync::endpoint> endpoints;
    std::shared_ptr<timesync::nts_session> session;
};

asio::awaitable<result<place>> find(std::shared_ptr<lookup> names, std::shared_ptr<asio::ssl::context> tls,
                                    std::string host, std::uint16_t port, bool nts,
                                    std::optional<timesync::judging_time> certificates_at) {
    place p;
    if (nts) {
        auto made = co_await establish_nts(*names, *tls, std::move(host), port, certificates_at);
        if (!made) co_return made.error();
        p.endpoints = std::move(made->servers);
        p.session = std::make_shared<timesync::nts_session>(std::move(made->session));
    } else {
        const auto addresses = co_await names->resolve(std::move(host));
        if (!addresses) co_return addresses.error();
        for (const auto& a : *addresses) p.endpoints.push_back({a, port});
    }
    co_return p;
}

} // namespace

class time_service::core : public std::enable_shared_from_this<core> {
public:
    core(asio::io_context& context, const config::time_settings& settings, role r, resolver names);

    void start();
    void stop();
    std::optional<time_estimate> now(instant at);
    timesync::report report();
    void knocked() {
        if (!servers_.empty()) apply(machine_.wake(timesync::synchroniser::reason::knock, boot_now()));
    }
    void not_before(unix_time t) { newest_ = std::max(newest_, t); }
    bool settled() const { return machine_.each_spoke(); }
    void on_update(std::function<void()> f) { updated_ = std::move(f); }

private:
    struct server {
        config::time_server where;
        bool locating = false;
        std::shared_ptr<timesync::nts_session> session; ///< NTS: once keys are there
    };
    struct query {
        std::size_t server;
        timesync::ntp_timestamp transmit;
        timesync::answer_gate gate{};
        std::shared_ptr<ntp_socket> socket{};
        instant sent{};
    };

    void observe();
    time_estimate system_clock(instant at) const;
    std::optional<timesync::judging_time> certificates_at();
    void run();
    void apply(timesync::outcome o);
    void send(const timesync::action& a, std::vector<timesync::outcome>& after);
    void locate(std::size_t index);
    void located(std::size_t index, result<place> found);
    void receive(query& q, result<std::span<const std::uint8_t>> datagram, instant received);
    void pass(const query& q, const timesync::answer_gate::passed& p);
    void poll_gates(instant now);
    void tidy();
    void arm();
    void wait(nanoseconds time);
    void say(const timesync::change& c) const;
    void watch_fallback();

    asio::io_context& context_;
    config::time_settings settings_;
    role role_;
    timesync::synchroniser machine_;
    std::vector<server> servers_;
    std::list<query> queries_;
    std::shared_ptr<lookup> names_;
    std::shared_ptr<asio::ssl::context> tls_;
    std::optional<network_changes> network_;
    asio::steady_timer timer_;
    std::function<void()> updated_;
    unix_time newest_{};
    bool fallback_ = false;
    bool posted_ = false; ///< run() is on its way
};

time_service::core::core(asio::io_context& context, const config::time_settings& settings, role r,
                         resolver names)
    : context_(context), settings_(settings), role_(r), machine_(machine_settings(settings)),
      names_(std::make_shared<lookup>(context.get_executor(), std::move(names))), timer_(context) {
    for (const auto& s : settings.servers) // as machine_settings() has them
        for (std::size_t n = 0; n < (s.pool ? timesync::pool_size : 1); ++n)
            servers_.push_back({s, false, nullptr});
    if (std::ranges::none_of(settings.servers, &config::time_server::nts)) return;
    // The system's are read now: later the process may not be allowed to.
    auto tls = nts_context(settings.ca_file, settings.ca_text);
    if (!tls) throw std::runtime_error(tls.error().text);
    tls_ = std::make_shared<asio::ssl::context>(std::move(*tls));
}

void time_service::core::start() {
    if (role_ != role::daemon) return run();
    if (servers_.empty()) {
        log::warning("time: " + report().verdict);
        return;
    }
    network_.emplace(context_,
                     std::vector<int>{RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE},
                     [this] {
                         network_->listen(); // it may have ended
                         apply(machine_.wake(timesync::synchroniser::reason::network, boot_now()));
                     });
    run();
}

void time_service::core::stop() {
    timer_.cancel();
    network_.reset();
    for (auto& q : queries_) q.socket->close();
    names_->close();
    updated_ = nullptr;
}

/// What happened to the clocks since the last time has to be in the bound before anything goes by it.
void time_service::core::observe() {
    const auto o = machine_.observe(read_clocks());
    for (const auto& c : o.changes) say(c);
    if (!o.changes.empty()) arm();
}

std::optional<time_estimate> time_service::core::now(instant at) {
    if (!servers_.empty()) {
        observe();
        if (const auto e = machine_.now(at)) return e;
        if (settings_.require) return std::nullopt;
    }
    return system_clock(at);
}

time_estimate time_service::core::system_clock(instant at) const {
    const auto bound = timesync::trusted_bound(read_kernel_clock(), settings_.max_error);
    const auto clocks = read_clocks();
    return time_estimate{clocks.system - (clocks.at - at), bound};
}

timesync::report time_service::core::report() {
    if (!servers_.empty()) observe();
    const auto clocks = read_clocks();
    auto r = machine_.report(clocks.at, clocks.system);
    if (!servers_.empty()) return r;
    const auto trust = timesync::trust_system_clock(read_kernel_clock(), settings_.max_error);
    r.estimate = system_clock(boot_now());
    r.verdict += trust.warning.empty() ? "; the kernel vouches for it to " + to_string(trust.bound)
                                       : "; " + trust.warning;
    return r;
}

/// By what moment certificates are judged; nothing: their dates are not looked at.
std::optional<timesync::judging_time> time_service::core::certificates_at() {
    const auto estimate = machine_.report(boot_now(), system_now()).estimate;
    timesync::known_time known{{}, system_now(), newest_, unix_time(seconds(CHRONOKNOCK_BUILD_TIME))};
    if (estimate) known.estimate = estimate->t;
    return timesync::certificate_time(known, settings_.first_fix_unchecked > 0);
}

void time_service::core::run() {
    posted_ = false;
    wait(longest_wait); // also if something below throws
    if (network_) network_->listen();
    const auto clocks = read_clocks();
    poll_gates(clocks.at);
    apply(machine_.poll(clocks, random_value<std::uint64_t>));
}

/// Does what the machine says, and what it says to what came of that; then waits for its next deadline.
void time_service::core::apply(timesync::outcome first) {
    std::vector<timesync::outcome> left{std::move(first)};
    while (!left.empty()) {
        const auto o = std::move(left.back());
        left.pop_back();
        for (const auto& c : o.changes) say(c);
        for (const auto& a : o.actions) {
            if (a.what == timesync::action::kind::send)
                send(a, left);
            else
                locate(a.server);
        }
    }
    tidy();
    watch_fallback();
    arm();
    if (updated_) updated_();
}

void time_service::core::send(const timesync::action& a, std::vector<timesync::outcome>& after) {
    auto& s = servers_[a.server];
    const auto header = timesync::encode_query(a.transmit);
    const auto fail = [&](std::string_view why) {
        after.push_back(machine_.failed(a.server, why, boot_now()));
    };
    query q{a.server, a.transmit};
    bytes packet{header.begin(), header.end()};
    if (s.where.nts) {
        if (!s.session) return fail("no NTS keys");
        const auto random = random_value<timesync::nts_random>();
        auto made = timesync::nts_protect(header, *s.session, random);
        if (!made) return fail(made.error().text);
        packet = std::move(*made);
        q.gate = {s.session, random.unique_id};
    }
    auto socket = ntp_socket::open(context_, a.to);
    if (!socket) return fail(socket.error().text);
    q.socket = std::move(*socket);
    queries_.push_back(std::move(q));
    auto& kept = queries_.back();
    const auto sent =
        kept.socket->send(packet, [weak = weak_from_this(), &kept](auto datagram, instant received) {
            // While the socket calls, the query is there: tidy() closes it first.
            if (const auto self = weak.lock()) self->receive(kept, datagram, received);
        });
    if (!sent) return fail(sent.error().text);
    kept.sent = *sent;
}

void time_service::core::locate(std::size_t index) {
    auto& s = servers_[index];
    if (s.locating) return;
    s.locating = true;
    co_spawn(context_, find(names_, tls_, s.where.host, s.where.port, s.where.nts, certificates_at()),
             [weak = weak_from_this(), index](std::exception_ptr e, result<place> found) {
                 if (e) found = error{"looking for it failed"};
                 if (const auto self = weak.lock()) self->located(index, std::move(found));
             });
}

void time_service::core::located(std::size_t index, result<place> found) {
    auto& s = servers_[index];
    s.locating = false;
    if (!found) return apply(machine_.failed(index, found.error().text, boot_now()));
    s.session = std::move(found->session);
    apply(machine_.locate(index, std::move(found->endpoints), boot_now()));
}

void time_service::core::receive(query& q, result<std::span<const std::uint8_t>> datagram, instant received) {
    observe();
    if (!machine_.outstanding(q.server, q.transmit)) return tidy();
    if (!datagram) return apply(machine_.refused(q.server, datagram.error().text, received));
    if (const auto passed = q.gate.receive(*datagram, received)) return pass(q, *passed);
    arm();
}

void time_service::core::pass(const query& q, const timesync::answer_gate::passed& p) {
    apply(machine_.receive(q.server, p.datagram, q.sent, p.received, p.authenticated));
}

void time_service::core::poll_gates(instant now) {
    for (auto& q : queries_)
        if (const auto passed = q.gate.poll(now)) {
            return pass(q, *passed); // the list may have changed; the others have their turn at once
        }
}

void time_service::core::tidy() {
    queries_.remove_if([this](query& q) {
        const bool over = !machine_.outstanding(q.server, q.transmit);
        if (over && q.socket) q.socket->close();
        return over;
    });
}

void time_service::core::arm() {
    const auto now = boot_now();
    auto next = std::min(machine_.next_deadline(), now + longest_wait);
    for (const auto& q : queries_) next = std::min(next, q.gate.deadline());
    if (next > now) return wait(next - now);
    timer_.cancel();
    if (!std::exchange(posted_, true))
        asio::post(context_, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->run();
        });
}

void time_service::core::wait(nanoseconds time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
        if (ec) return;
        if (const auto self = weak.lock()) self->run();
    });
}

void time_service::core::say(const timesync::change& c) const {
    if (role_ != role::daemon) return;
    if (c.severity == timesync::change::level::warning)
        log::warning(c.text);
    else
        log::info(c.text);
}

void time_service::core::watch_fallback() {
    const bool fallback = !settings_.require && !machine_.now(boot_now());
    if (fallback && !fallback_ && role_ == role::daemon)
        log::warning("time: going by the system clock until the servers tell the time (require = false)");
    fallback_ = fallback;
}

time_service::time_service(asio::io_context& context, const config::time_settings& settings, role r,
                           resolver names)
    : core_(std::make_shared<core>(context, settings, r, std::move(names))) {}
time_service::~time_service() { core_->stop(); }
void time_service::start() { core_->start(); }
std::optional<time_estimate> time_service::now(instant at) const { return core_->now(at); }
timesync::report time_service::report() { return core_->report(); }
void time_service::knocked() { core_->knocked(); }
void time_service::not_before(unix_time t) { core_->not_before(t); }
bool time_service::settled() const { return core_->settled(); }
void time_service::on_update(std::function<void()> f) { core_->on_update(std::move(f)); }

} // namespace chronoknock::io

// What a member of the fleet does by itself: it watches what other hosts open and close, and sees to it that
// the watch lives. What it is asked for is in member.cpp.
#include "base/text.hpp"
#include "fleet/pages.hpp"
#include "io/fleet/member.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr nanoseconds turn = milliseconds(250);
constexpr nanoseconds quiet = seconds(1);                // then some host beats
constexpr nanoseconds heard_within = milliseconds(1000); // of a beat
constexpr nanoseconds first_pause = milliseconds(100);
constexpr nanoseconds last_pause = seconds(1);
constexpr nanoseconds presence_every = seconds(10);
constexpr nanoseconds presence_lasts = std::chrono::hours(24);
constexpr nanoseconds prune_every = seconds(10);

} // namespace

asio::awaitable<void> fleet_member::wait(nanoseconds d) {
    asio::steady_timer timer(context_, d);
    co_await timer.async_wait(token);
}

void fleet_member::hand_on(granting::shared_changes c) {
    tell_ignored();
    for (const auto& g : c.opened) // until it is erased a listing has it again
        if (unheard_.is_meant(g)) unheard_.revoke({g.key, g.place, g.identity, {}, g.accepted});
    if (unheard_.withhold(c))
        erase_later(ledger_.find([this](const auto& g) { return unheard_.is_meant(g); }, clock_()));
    if (changed_ && (c.whole || !c.opened.empty() || !c.closed.empty() || !c.tokens.empty()))
        changed_(std::move(c));
}

void fleet_member::tell_ignored() {
    for (const auto& name : ledger_.take_ignored())
        log::warning("the fleet: " + name +
                     " in etcd is not sealed by it, and opens nothing: somebody else can write there");
}

/// What there was before is judged by whether it is this cluster's.
void fleet_member::begin_listing(const fleet::header& as_of) {
    const bool other =
        known_.cluster != 0 && (as_of.cluster != known_.cluster || as_of.revision < known_.revision);
    if (other) {
        log::warning("the fleet's cluster is another one, or was put back: what is burnt here stays burnt");
        leases_.clear();
    }
    ledger_.begin_listing(as_of.revision, other);
}

/// All that there is, as of one revision. No page is kept: whoever can write to etcd decides how much there
/// is.
asio::awaitable<bool> fleet_member::list() {
    fleet::pages pages(seal_.watched());
    const auto revoked = unheard_.last();
    while (!pages.is_over()) {
        if (closed_) co_return false;
        const auto body = co_await client_->ask(fleet::range_path, to_json(pages.next()), patience);
        if (!body && body.error().text == too_long_answer && pages.halve()) continue;
        if (!body) {
            if (body.error().text == too_long_answer)
                log::warning("the fleet's cluster: an entry is larger than etcd makes them by itself");
            co_return false;
        }
        const auto a = fleet::parse_range_answer(*body);
        const bool is_first = pages.is_first();
        if (!a || !pages.take(*a)) {
            log::warning("the fleet's cluster: " + (a ? pages.problem() : a.error().text));
            co_return false;
        }
        if (is_first) begin_listing(pages.as_of());
        ledger_.list(a->entries);
        co_await asio::post(context_, asio::use_awaitable); // others have their turn
    }
    if (closed_) co_return false;
    known_ = pages.as_of();
    has_listed_ = true;
    hand_on(ledger_.end_listing(clock_()));
    unheard_.caught_up(revoked);
    co_return true;
}

/// Whether it can go on from what is known.
asio::awaitable<bool> fleet_member::is_same_cluster() {
    fleet::range r{seal_.name_of_echo()};
    r.count_only = true;
    const auto body = co_await client_->ask(fleet::range_path, to_json(r), patience);
    if (!body) co_return false;
    const auto a = fleet::parse_range_answer(*body);
    co_return a && a->head.cluster == known_.cluster && a->head.revision >= known_.revision;
}

void fleet_member::heed(std::string_view line) {
    const auto a = fleet::parse_watch_answer(line);
    if (!a) return client_->hang_up("its watch: " + a.error().text, true);
    if (a->compacted != 0) { // too much has happened since
        has_listed_ = false;
        return client_->hang_up("compacted", false);
    }
    if (a->canceled)
        return client_->hang_up("its watch ended: " + (a->reason.empty() ? "no reason given" : a->reason),
                                true);
    watching_ = true;
    client_->heard();
    heard_ = boot_now();
    if (a->events.empty()) return;
    known_.revision = std::max(known_.revision, a->told_until());
    hand_on(ledger_.apply(a->events, clock_()));
}

asio::awaitable<void> fleet_member::follow() {
    const auto [first, last] = seal_.watched();
    auto body = fleet::watch_request(first, last, known_.revision + 1);
    https_peer::on_line told = [this](std::string_view line) {
        if (!closed_) heed(line);
    };
    const auto why = co_await client_->follow(fleet::watch_path, std::move(body), std::move(told));
    watching_ = false;
    if (why.text == too_long_line) has_listed_ = false; // from there on it would be sent again
}

asio::awaitable<void> fleet_member::watch_once() {
    bool ready = false;
    if (has_listed_) ready = co_await is_same_cluster();
    // Where that fails it may be another cluster: a listing tells.
    if (!ready && !closed_) ready = co_await list();
    if (ready && !closed_) co_await follow();
}

/// What fails for want of memory, say, is tried again.
asio::awaitable<void> fleet_member::watch(self me) {
    nanoseconds rest = first_pause;
    while (!me->closed_) {
        const auto begun = boot_now();
        try {
            co_await me->watch_once();
        } catch (const std::exception& e) {
            log::error(std::string("the fleet's watch: ") + e.what());
        }
        if (boot_now() - begun > last_pause) rest = first_pause;
        co_await me->wait(rest);
        rest = std::min(2 * rest, last_pause);
    }
}

/// A watch may be dead, and nothing tell: its member hangs, or is cut off. What some host writes each second
/// has to come by it.
asio::awaitable<void> fleet_member::echo() {
    fleet::transaction t;
    t.then.push_back(fleet::put{seal_.name_of_echo(), settings_.name});
    const auto revoked = unheard_.last();
    const auto body = co_await client_->ask(fleet::txn_path, to_json(t), patience);
    if (!body || closed_) co_return;
    client_->wrote();
    const auto a = fleet::parse_transaction_answer(*body);
    if (!a || !watching_) co_return;
    const auto deadline = boot_now() + heard_within;
    while (known_.revision < a->head.revision) {
        if (boot_now() >= deadline) {
            if (watching_) client_->hang_up("its watch tells nothing", true);
            co_return;
        }
        co_await wait(turn / 10);
    }
    unheard_.caught_up(revoked);
}

asio::awaitable<void> fleet_member::tell_presence() {
    const auto leased = co_await lease(presence_lasts, boot_now() + patience);
    if (!leased || closed_) co_return;
    fleet::host_record h;
    h.name = settings_.name;
    h.version = CHRONOKNOCK_VERSION;
    h.seen = clock_();
    h.grants = count_ ? count_() : 0;
    const auto body =
        co_await client_->ask(fleet::txn_path, to_json(presence_.request(std::move(h), *leased)), patience);
    if (!body && body.error().text.find("lease not found") != std::string::npos) leases_.clear();
    if (!body || closed_) co_return;
    seen_ = boot_now();
    const auto a = fleet::parse_transaction_answer(*body);
    if (a && presence_.answered(*a))
        log::warning("the fleet: another host has the name of this one, " + settings_.name +
                     ": [fleet] name has to be another one on each");
}

asio::awaitable<void> fleet_member::beat_once() {
    const auto now = boot_now();
    if (const auto which = client_->to_probe(now)) {
        fleet::range r{seal_.name_of_echo()};
        r.count_only = true;
        asio::co_spawn(context_, client_->probe(*which, fleet::range_path, to_json(r)), asio::detached);
    }
    if (now - heard_ >= quiet + jitter_ || (watching_ && unheard_.waits())) {
        co_await echo();
        heard_ = boot_now(); // not again at once, whatever came of it
    }
    if (closed_ || now - pruned_ < prune_every) co_return;
    pruned_ = now;
    ledger_.prune(clock_());
}

asio::awaitable<void> fleet_member::tend_once() {
    if (closed_ || client_->is_lost()) co_return;
    if (!to_erase_.empty() || !postponed_.empty()) co_await carry_out_errands();
    if (!closed_ && (seen_ == instant{} || boot_now() - seen_ >= presence_every)) {
        // A knock is not to wait for a lease.
        (void)co_await lease(remembered, boot_now() + patience);
        for (const auto length : lengths_)
            (void)co_await lease(length + 2 * presence_every, boot_now() + patience);
        co_await tell_presence();
    }
}

asio::awaitable<void> fleet_member::beat(self me) {
    while (!me->closed_) {
        co_await me->wait(turn);
        try {
            if (!me->closed_) co_await me->beat_once();
        } catch (const std::exception& e) {
            log::error(std::string("the fleet: ") + e.what());
        }
    }
}

/// What may take its time, where some endpoint does not answer, and must not keep the beat waiting: that
/// finds out whether the watch lives.
asio::awaitable<void> fleet_member::tend(self me) {
    while (!me->closed_) {
        co_await me->wait(turn);
        try {
            if (!me->closed_) co_await me->tend_once();
        } catch (const std::exception& e) {
            log::error(std::string("the fleet: ") + e.what());
        }
    }
}

} // namespace chronoknock::io

#include "timesync/synchroniser.hpp"

#include "base/text.hpp"
#include "timesync/text.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::timesync {
namespace {

// A loop that stood still for so long may have missed what happened.
constexpr nanoseconds overslept = seconds(10);
constexpr nanoseconds between_lines = seconds(60); // of one kind, that a liar can bring about
// No moment that this program runs in is earlier, whatever a clock without a battery says.
constexpr unix_time earliest = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);

} // namespace

synchroniser::synchroniser(settings s)
    : settings_(std::move(s)), clock_(settings_.interval, settings_.max_step) {
    for (auto& server : settings_.servers) {
        server.name = printable(server.name);
        peers_.emplace_back(server, settings_);
        if (server.pool) given_up_[*server.pool];
    }
    selection_.marks.resize(peers_.size(), mark::unusable);
}

bool synchroniser::has_voice(std::size_t server) const {
    const auto& p = peers_[server];
    if (p.state() == peer_state::spare || (settings_.require_nts && !p.nts())) return false;
    return !same_machine(server);
}

// The one that speaks for the machine at this server's address, if it is another: the one that proves what
// it says, else the first.
std::optional<std::size_t> synchroniser::same_machine(std::size_t server) const {
    const auto& p = peers_[server];
    for (std::size_t i = 0; p.where() && i < peers_.size(); ++i) {
        const auto& other = peers_[i];
        if (i == server || !other.where() || other.where()->ip != p.where()->ip) continue;
        // One that is not heard takes no voice away.
        if (other.reach() != 0 && (other.nts() != p.nts() ? other.nts() : i < server || p.reach() == 0))
            return i;
    }
    return std::nullopt;
}

std::size_t synchroniser::voices() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < peers_.size(); ++i) n += has_voice(i) ? 1 : 0;
    return n;
}

outcome synchroniser::observe(const clock_reading& r) {
    outcome out;
    reading_ = r;
    const auto d = watch_.observe(r);
    if (!d) return out;
    if (d.slept > nanoseconds(0)) {
        out.changes.push_back({change::level::warning, "time: the machine slept for " +
                                                           plain_seconds(d.slept) + "; asking all servers"});
        const auto slack =
            clock_watch::sleep_slack + d.slept / 20'000; // counted by another oscillator, of 50 ppm
        widen(slack, slack, r.at);
    } else {
        stepped(d.system_step, r, out);
    }
    hurry(r.at);
    return out;
}

// Whoever set the system clock may have set right what a pause of the machine did to all its clocks: if it is
// ahead of us now, what it says is possible from here on. A pause never puts us ahead of the truth.
void synchroniser::stepped(nanoseconds by, const clock_reading& r, outcome& out) {
    std::string text = "time: the system clock was stepped by " + signed_seconds(by);
    const auto t = clock_.now(r.at);
    const auto ahead = t ? r.system - t->t - t->error : nanoseconds(0);
    if (by > nanoseconds(0) && ahead > nanoseconds(0)) {
        constexpr nanoseconds most = std::chrono::hours(24 * 365); // there is no time with that bound anyway
        widen(nanoseconds(0), std::min<nanoseconds>(r.system - t->t, most) + clock_watch::least_step, r.at);
        text += ", as after a pause of the machine";
    }
    if (may_say(line::step, r.at))
        out.changes.push_back(
            {change::level::info, text + "; knocks go by the servers, which are all asked"});
}

outcome synchroniser::wake(reason why, instant now) {
    outcome out;
    if (why == reason::knock && this->now(now)) return out;
    // Links and routes change all the time on a host of containers: whoever answers is left alone.
    const bool needed =
        why == reason::knock || std::ranges::any_of(peers_, [](const peer& p) { return !p.answers(); });
    for (auto& p : peers_)
        if (why == reason::knock || !p.answers()) p.wake(now);
    if (why == reason::network && needed && may_say(line::network, now))
        out.changes.push_back({change::level::info, "time: the network changed; asking the servers"});
    finish(now, out);
    return out;
}

outcome synchroniser::poll(const clock_reading& r, const random_source& random) {
    auto out = observe(r);
    const auto now = r.at;
    if (due_ != instant{} && now >= due_ + overslept) hurry(now);
    watch_leap(now, out);
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        auto& p = peers_[i];
        switch (p.poll(now, random)) {
        case peer::want::send:
            out.actions.push_back({action::kind::send, i, *p.where(), *p.query()});
            break;
        case peer::want::locate:
            out.actions.push_back({action::kind::locate, i, {}, {}});
            break;
        case peer::want::nothing:
            break;
        }
        // A lost answer may have made it unreachable.
        if (say_news(i, out) || (p.reach() == 0 && selection_.marks[i] != mark::unusable)) selecting_ = true;
    }
    if (std::exchange(selecting_, false)) select(now, out);
    finish(now, out);
    return out;
}

instant synchroniser::next_deadline() const { return due_; }

outcome synchroniser::locate(std::size_t server, std::vector<endpoint> endpoints, instant now) {
    outcome out;
    auto& p = peers_[server];
    std::vector<endpoint> used;
    for (std::size_t i = 0; i < peers_.size(); ++i)
        if (const auto* e = peers_[i].where(); e && i != server) used.push_back(*e);
    if (!p.pool() || endpoints.empty()) {
        unused_first(endpoints, used);
        p.locate(std::move(endpoints), now);
    } else {
        // A member that looks for an address has given up the one it had.
        auto& left = given_up_[*settings_.servers[server].pool];
        if (p.where()) left.add(*p.where());
        if (const auto e = pick(endpoints, used, left))
            p.locate({*e}, now);
        else
            p.stand_by(now);
    }
    say_news(server, out);
    finish(now, out);
    return out;
}

outcome synchroniser::failed(std::size_t server, std::string_view why, instant now) {
    outcome out;
    peers_[server].failed(why, now);
    say_news(server, out);
    finish(now, out);
    return out;
}

outcome synchroniser::refused(std::size_t server, std::string_view why, instant now) {
    outcome out;
    peers_[server].refused(why, now);
    say_news(server, out);
    finish(now, out);
    return out;
}

outcome synchroniser::receive(std::size_t server, std::span<const std::uint8_t> datagram, instant sent,
                              instant received, bool authenticated) {
    outcome out;
    watch_leap(received, out);
    auto& p = peers_[server];
    const auto header = decode(datagram);
    if (header && p.query()) {
        const auto about = pivot(received);
        const auto doubt = leap_.doubt(to_unix(header->transmit, about));
        const exchange x{*p.query(), sent, received, authenticated, doubt};
        const bool was_silent = p.state() == peer_state::silent;
        const auto a = p.receive(*header, x, clock_.frequency(), about);
        if (std::holds_alternative<sample>(a)) {
            // The way is open again, for others too.
            if (was_silent)
                for (auto& other : peers_)
                    if (!other.answers()) other.wake(received);
            heard(server, received, out);
        } else if (std::holds_alternative<kiss>(a)) {
            select(received, out); // one that was stopped is heard no more
        }
    }
    say_news(server, out);
    finish(received, out);
    return out;
}

void synchroniser::heard(std::size_t server, instant now, outcome& out) {
    select(now, out);
    peers_[server].mark_false(selection_.agreed && selection_.marks[server] == mark::falseticker, now);
    // Whatever this one says: the clock is well served, or the truth has to be found out.
    const bool well_served = selection_.agreed && clock_.frequency().known() && !clock_.held_since();
    // Asked more rarely, the oscillator must not come to cost more than the path does.
    const auto c = peers_[server].filter().at(now, clock_.frequency());
    const auto longer = drift_bound(clock_.frequency(), 2 * peers_[server].interval());
    if (!well_served || (c && longer <= c->distance)) peers_[server].adapt(well_served);
}

bool synchroniser::outstanding(std::size_t server, ntp_timestamp transmit) const {
    return peers_[server].query() == transmit;
}

void synchroniser::hurry(instant now) {
    for (auto& p : peers_) p.hurry(now);
    due_ = now;
}

void synchroniser::select(instant now, outcome& out) {
    std::vector<std::optional<candidate>> candidates(peers_.size());
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (!has_voice(i) || peers_[i].reach() == 0) continue;
        const auto c = peers_[i].filter().at(now, clock_.frequency());
        if (c && c->distance <= settings_.max_error) candidates[i] = c;
    }
    selection_ = timesync::select(candidates, voices());
    if (!selection_.agreed) return clock_.no_agreement();
    note_leap(now);

    const bool holding = clock_.held_since().has_value();
    const auto r = clock_.update(selection_, now, step_is_fresh());
    const auto by = signed_seconds(r.moved);
    const auto who = agreeing_names();
    switch (r.what) {
    case clock::verdict::first:
        first_fix(now, out);
        break;
    case clock::verdict::kept:
        if (std::chrono::abs(r.moved) > settings_.max_step)
            out.changes.push_back(
                {change::level::warning, "time: clock set right by " + by + ", said by " + who});
        if (holding && may_say(line::dropped, now))
            out.changes.push_back({change::level::info, "time: the step is not asked for any more"});
        break;
    case clock::verdict::corrected:
        if (!may_say(line::corrected, now)) break;
        out.changes.push_back({change::level::warning, "time: clock corrected by " + by +
                                                           ", more than its oscillator "
                                                           "accounts for, said by " +
                                                           who});
        break;
    case clock::verdict::held:
        if (*clock_.held_since() != now) break;
        step_base_.clear();
        for (auto& p : peers_) {
            step_base_.push_back(p.samples());
            p.hasten(now);
        }
        if (!may_say(line::held, now)) break;
        out.changes.push_back(
            {change::level::warning, "time: clock off by " + by + " according to " + who +
                                         "; not believed unless most servers go on saying so"});
        break;
    case clock::verdict::stepped:
        out.changes.push_back({change::level::warning, "time: clock stepped by " + by + ", said by " + who});
        break;
    }
}

void synchroniser::first_fix(instant now, outcome& out) {
    const auto e = clock_.now(now);
    std::string text =
        "time: first fix, error at most " + plain_seconds(e->error) + ", said by " + agreeing_names();
    if (reading_)
        text += "; the system clock needs " + signed_seconds(e->t - reading_->system - (now - reading_->at));
    out.changes.push_back({change::level::info, std::move(text)});
}

// Most of all servers that have a voice, heard or not, have each said it often enough.
bool synchroniser::step_is_fresh() const {
    if (!clock_.held_since()) return false;
    std::size_t sure = 0;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const auto m = selection_.marks[i];
        const bool agrees = m != mark::unusable && m != mark::falseticker;
        if (agrees && peers_[i].samples() >= step_base_[i] + clock::step_polls) ++sure;
    }
    return sure > voices() / 2;
}

void synchroniser::widen(nanoseconds earlier, nanoseconds later, instant now) {
    clock_.widen(earlier, later, now);
    for (auto& p : peers_) p.filter().widen(std::max(earlier, later));
}

// One announcement is enough: a second more for a moment at the end of a month costs less than to miss it. A
// server that smears it announces nothing, and is a falseticker for the day.
void synchroniser::note_leap(instant now) {
    bool announced = false;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (selection_.marks[i] == mark::unusable) continue;
        const auto* s = peers_[i].filter().best(now, clock_.frequency());
        announced = announced || (s && s->leap != leap::none);
    }
    if (const auto t = clock_.now(now)) leap_.announce(announced, t->t);
}

void synchroniser::watch_leap(instant now, outcome& out) {
    const auto t = clock_.now(now);
    if (!t) return;
    switch (leap_.advance(*t)) {
    case leap_watch::step::none:
        return;
    case leap_watch::step::begins:
        widen(leap_watch::size, leap_watch::size, now);
        out.changes.push_back(
            {change::level::info, "time: leap second; the bound is a second wider until it is over"});
        return;
    case leap_watch::step::ends:
        return hurry(now);
    }
}

bool synchroniser::may_say(line l, instant now) {
    auto& last = said_at_[static_cast<std::size_t>(l)];
    if (last && now < *last + between_lines) return false;
    last = now;
    return true;
}

// What the caller finds out last: the state, said when it changes, and when to come again.
void synchroniser::finish(instant now, outcome& out) {
    due_ = now + (leap_.now() == leap_watch::phase::passing ? seconds(1) : clock_watch::every);
    for (const auto& p : peers_) due_ = std::min(due_, p.deadline());
    if (const auto t = clock_.now(now); t && leap_.now() == leap_watch::phase::announced)
        due_ = std::min(due_, now + (leap_.begins() - t->t - t->error));
    due_ = std::max(due_, now);

    const auto s = state(now);
    if (s == said_) return;
    // A liar can bring these about, again and again.
    const bool harmless =
        s == sync_state::holdover || (s == sync_state::synchronised && said_ == sync_state::holdover);
    if (!may_say(line::state, now) && harmless) return;
    const auto level = s == sync_state::synchronised ? change::level::info : change::level::warning;
    said_ = s;
    out.changes.push_back({level, "time: " + verdict(now)});
}

bool synchroniser::say_news(std::size_t server, outcome& out) {
    auto& p = peers_[server];
    auto news = p.take_news();
    if (!news) return false;
    const auto level = p.problem().empty() ? change::level::info : change::level::warning;
    out.changes.push_back({level, "time server " + settings_.servers[server].name + ": " + *news});
    return true;
}

std::optional<time_estimate> synchroniser::now(instant at) const {
    auto t = clock_.now(at);
    if (!t) return t;
    // poll() widens for good; this is for who asks before it.
    if (leap_.now() == leap_watch::phase::announced && t->t + t->error >= leap_.begins())
        t->error += leap_watch::size;
    if (t->error > settings_.max_error) return std::nullopt;
    return t;
}

sync_state synchroniser::state(instant at) const {
    if (peers_.empty()) return sync_state::system_clock;
    if (!clock_.now(at)) return sync_state::waiting;
    if (!now(at)) return sync_state::lost;
    return selection_.agreed && !clock_.held_since() ? sync_state::synchronised : sync_state::holdover;
}

bool synchroniser::settled() const {
    return std::all_of(peers_.begin(), peers_.end(), [](const peer& p) { return p.settled(); });
}

bool synchroniser::each_spoke() const { return std::ranges::all_of(peers_, &peer::spoke); }

unix_time synchroniser::pivot(instant now) const {
    const auto t = clock_.now(now);
    return t ? t->t : earliest; // never the system clock, which may be a lifetime ahead
}

} // namespace chronoknock::timesync

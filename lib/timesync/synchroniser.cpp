#include "timesync/synchroniser.hpp"

#include "base/text.hpp"
#include "timesync/text.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::timesync {
namespace {

// The room is often asked, so that a sleep of the machine, in which timers stand still, is noticed soon
// after.
constexpr nanoseconds heartbeat = seconds(64);
constexpr nanoseconds overslept = seconds(10);
// The boot clock takes the length of a sleep from a hardware clock that counts whole seconds, read twice.
constexpr nanoseconds sleep_slack = seconds(2);
constexpr nanoseconds system_step = seconds(1);
// No moment that this program runs in is earlier, whatever a clock without a battery says.
constexpr unix_time earliest = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);

unix_time next_month(unix_time t) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(t));
    return std::chrono::sys_days((date.year() / date.month() + std::chrono::months(1)) / 1);
}

} // namespace

synchroniser::synchroniser(settings s)
    : settings_(std::move(s)), clock_(settings_.interval, settings_.max_step) {
    for (auto& server : settings_.servers) {
        server.name = printable(server.name);
        peers_.emplace_back(server.nts, settings_);
    }
    selection_.marks.resize(peers_.size(), mark::unusable);
}

bool synchroniser::has_voice(std::size_t server) const {
    return !settings_.require_nts || peers_[server].nts();
}

std::size_t synchroniser::voices() const {
    std::size_t n = 0;
    for (std::size_t i = 0; i < peers_.size(); ++i) n += has_voice(i) ? 1 : 0;
    return n;
}

outcome synchroniser::poll(instant now, unix_time system, const random_source& random) {
    outcome out;
    system_ = system;
    watch_sleep(now, out);
    watch_system(now, system, out);
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
    watch_sleep(now, out);
    peers_[server].locate(std::move(endpoints), now);
    say_news(server, out);
    finish(now, out);
    return out;
}

outcome synchroniser::failed(std::size_t server, std::string_view why, instant now) {
    outcome out;
    watch_sleep(now, out);
    peers_[server].failed(why, now);
    say_news(server, out);
    finish(now, out);
    return out;
}

outcome synchroniser::receive(std::size_t server, std::span<const std::uint8_t> datagram, instant sent,
                              instant received, bool authenticated) {
    outcome out;
    watch_sleep(received, out);
    auto& p = peers_[server];
    const auto header = decode(datagram);
    if (header && p.query()) {
        const exchange x{*p.query(), sent, received, authenticated};
        const auto a = p.receive(*header, x, clock_.frequency(), pivot(received));
        if (std::holds_alternative<sample>(a)) heard(server, received, out);
        // Whoever refuses us is heard no more.
        else if (std::holds_alternative<kiss>(a))
            select(received, out);
    }
    say_news(server, out);
    finish(received, out);
    return out;
}

void synchroniser::heard(std::size_t server, instant now, outcome& out) {
    select(now, out);
    // Whatever this one says: the clock is well served, or the truth has to be found out.
    peers_[server].adapt(selection_.agreed && clock_.frequency().known() && !clock_.held_since());
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
        if (holding) out.changes.push_back({change::level::info, "time: the step is not asked for any more"});
        break;
    case clock::verdict::corrected:
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
    if (system_offset_) {
        const auto off = e->t.time_since_epoch() - now.time_since_epoch() - *system_offset_;
        text += "; the system clock needs " + signed_seconds(off);
    }
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

void synchroniser::watch_sleep(instant now, outcome& out) {
    if (due_ == instant{} || now < due_ + overslept) return;
    out.changes.push_back({change::level::warning, "time: the machine slept or stood still for " +
                                                       plain_seconds(now - due_) + "; asking all servers"});
    widen(sleep_slack, now);
    hurry(now);
}

void synchroniser::widen(nanoseconds by, instant now) {
    clock_.widen(by, now);
    for (auto& p : peers_) p.filter().widen(by);
}

void synchroniser::watch_system(instant now, unix_time system, outcome& out) {
    const auto offset = system.time_since_epoch() - now.time_since_epoch();
    if (system_offset_ && std::chrono::abs(offset - *system_offset_) >= system_step)
        out.changes.push_back({change::level::info, "time: the system clock was stepped by " +
                                                        signed_seconds(offset - *system_offset_) +
                                                        " (knocks go by the servers)"});
    system_offset_ = offset;
}

// A leap second comes at the end of a month (RFC 5905, section 7.3). Enough servers must announce it that one
// of them is honest. A server that smears it announces nothing, and its drift is within tolerance::known.
void synchroniser::note_leap(instant now) {
    std::size_t announced = 0;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const auto m = selection_.marks[i];
        if (m != mark::combined && m != mark::system) continue;
        const auto* s = peers_[i].filter().best(now, clock_.frequency());
        if (s && s->leap != leap::none) ++announced;
    }
    const auto t = clock_.now(now);
    if (announced < needed(voices()))
        leap_at_.reset();
    else if (t && !leap_at_)
        leap_at_ = next_month(t->t);
}

// Unix time repeats or omits a second there: until the servers have spoken again, both are possible.
void synchroniser::watch_leap(instant now, outcome& out) {
    const auto t = clock_.now(now);
    if (!leap_at_ || !t || t->t + t->error < *leap_at_) return;
    leap_at_.reset();
    widen(seconds(1), now);
    out.changes.push_back(
        {change::level::info, "time: leap second; its bound is a second wider until asked again"});
    hurry(now);
}

// What the caller finds out last: the state, said when it changes, and when to come again.
void synchroniser::finish(instant now, outcome& out) {
    due_ = now + heartbeat;
    for (const auto& p : peers_) due_ = std::min(due_, p.deadline());
    if (const auto t = clock_.now(now); leap_at_ && t)
        due_ = std::min(due_, now + (*leap_at_ - t->t - t->error));
    due_ = std::max(due_, now);

    const auto s = state(now);
    if (s == said_) return;
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
    if (leap_at_ && t->t + t->error >= *leap_at_) t->error += seconds(1);
    if (due_ != instant{} && at >= due_ + overslept) t->error += sleep_slack;
    if (t->error > settings_.max_error) return std::nullopt;
    return t;
}

sync_state synchroniser::state(instant at) const {
    if (!clock_.now(at)) return sync_state::waiting;
    if (!now(at)) return sync_state::lost;
    return selection_.agreed && !clock_.held_since() ? sync_state::synchronised : sync_state::holdover;
}

bool synchroniser::settled() const {
    return std::all_of(peers_.begin(), peers_.end(), [](const peer& p) { return p.settled(); });
}

bool synchroniser::each_spoke() const { return std::ranges::all_of(peers_, &peer::spoke); }

unix_time synchroniser::pivot(instant now) const {
    if (const auto t = clock_.now(now)) return t->t;
    return std::max(system_, earliest);
}

} // namespace chronoknock::timesync

#include "timesync/peer.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::timesync {
namespace {

constexpr nanoseconds refused_for = std::chrono::hours(24);
constexpr nanoseconds longest_unproven = seconds(256); // what a kiss slows us down to that anyone can send
constexpr nanoseconds between_bursts = seconds(64);    // those that others can bring about
constexpr nanoseconds between_lines = seconds(60);     // of a liar that jumps
constexpr nanoseconds spare_for = seconds(1024);
constexpr int false_for_good = 8;                  // answers in a row
constexpr nanoseconds answer_timeout = seconds(1); // times the number of queries lost in a row, up to slow
constexpr int slow = 4;
constexpr int burst_size = 4;
constexpr nanoseconds longest_interval = seconds(1024);
constexpr nanoseconds longest_by_rate = std::chrono::hours(4);
constexpr nanoseconds locate_timeout = seconds(60); // a shell that never answers
constexpr nanoseconds retry_here = seconds(4);      // nothing went out, nobody is bothered
constexpr nanoseconds longest_retry_here = seconds(16);
constexpr nanoseconds first_retry = seconds(16); // RFC 4330, section 10: not more often than each 15 s
constexpr int good_for_longer = 8;
constexpr int believed_again = 32; // samples after an unproven kiss

nanoseconds doubled(nanoseconds d, int times, nanoseconds most) {
    for (; times > 0 && d < most; --times) d *= 2;
    return std::min(d, most);
}

} // namespace

std::string_view to_string(peer_state s) {
    switch (s) {
    case peer_state::locating:
        return "locating";
    case peer_state::finding:
        return "finding";
    case peer_state::burst:
        return "burst";
    case peer_state::steady:
        return "steady";
    case peer_state::silent:
        return "silent";
    case peer_state::stopped:
        return "stopped";
    case peer_state::spare:
        return "spare";
    }
    return "?";
}

peer::peer(const server_settings& server, const settings& s)
    : nts_(server.nts), pool_(server.pool.has_value()), remote_interval_(s.interval),
      local_interval_(std::min(s.interval, s.local_interval)), configured_(s.interval), least_(s.interval),
      most_(std::max(s.interval, longest_interval)), burst_gap_(s.burst_gap), interval_(s.interval) {}

peer::want peer::poll(instant now, const random_source& random) {
    if (now < deadline_) return want::nothing;
    if (state_ == peer_state::stopped || state_ == peer_state::spare) enter(peer_state::locating, now);
    if (query_) {
        if (const auto k = std::exchange(kissed_, std::nullopt))
            obey(*k, false, now);
        else
            unanswered("no answer", now);
        if (now < deadline_) return want::nothing;
    }
    if (looked_for()) {
        looked_ = now;
        enter(peer_state::finding, now + locate_timeout);
        return want::locate;
    }
    if (sent_ && slowed() && now < *sent_ + least_) {
        deadline_ = *sent_ + least_;
        return want::nothing;
    }
    sent_ = now;
    // Zero would look like an answer to no query.
    query_ = ntp_timestamp{random() | 1};
    kissed_.reset();
    spread_ = static_cast<int>(random() % 64);
    reach_ = static_cast<std::uint8_t>(reach_ << 1);
    deadline_ = now + answer_timeout * std::min(missed_ + 1, slow);
    return want::send;
}

void peer::locate(std::vector<endpoint> endpoints, instant now) {
    if (!enabled()) return;
    if (endpoints.empty()) return failed("no address", now);
    const auto* old = where();
    const auto same = old ? std::find(endpoints.begin(), endpoints.end(), *old) : endpoints.end();
    const bool kept = same != endpoints.end();
    const auto index = kept ? static_cast<std::size_t>(same - endpoints.begin()) : 0;
    endpoints_ = std::move(endpoints);
    current_ = index;
    untried_ = endpoints_.size();
    if (!kept) forget();
    if (!looked_for() && kept) return;
    query_.reset();
    // One that was silent for long is not asked in a burst before it answers.
    enter(missed_ == 0 ? peer_state::burst : peer_state::silent, now);
}

void peer::failed(std::string_view why, instant now) {
    if (!enabled()) return;
    query_.reset();
    complain(printable(why));
    if (!nts_ && !looked_for() && untried_ > 1) {
        next_endpoint();
        deadline_ = now;
        return;
    }
    // Key establishment costs its server a TLS handshake.
    const auto longest = nts_ ? std::max(least_, longest_interval) : longest_retry_here;
    enter(peer_state::locating, now + doubled(retry_here, fails_, longest));
    ++fails_;
}

// An ICMP error may be forged as anything may: no more than a lost answer, but nothing to hurry for.
void peer::refused(std::string_view why, instant now) {
    if (!query_) return;
    if (untried_ > 1 && !nts_) return failed(why, now);
    if (state_ == peer_state::burst) burst_left_ = 1;
    unanswered(printable(why), now);
}

void peer::stand_by(instant now) {
    if (!enabled()) return;
    query_.reset();
    endpoints_.clear();
    forget();
    problem_ = "no address that is not asked already";
    enter(peer_state::spare, now + spare_for);
}

void peer::mark_false(bool is_false, instant now) {
    false_ = is_false ? false_ + 1 : 0;
    if (!pool_ || false_ < false_for_good || looked_for()) return;
    false_ = 0;
    query_.reset();
    complain("does not agree with the others: another address is looked for");
    enter(peer_state::locating, now);
}

answer peer::receive(const ntp_header& h, const exchange& x, const frequency_estimate& f, unix_time pivot) {
    if (!query_ || x.transmit != *query_) {
        ++refused_;
        return refusal::wrong_origin;
    }
    auto a = check_answer(h, x, nts_, pivot);
    if (const auto* s = std::get_if<sample>(&a)) {
        take(*s, x, f);
    } else if (const auto* k = std::get_if<kiss>(&a)) {
        // Without proof it waits until there is nothing better: who only watches the path can send kisses,
        // but cannot keep the true answer from coming.
        if (x.authenticated || (nts_ && *k == kiss::nts_nak))
            obey(*k, x.authenticated, x.received);
        else if (!kissed_)
            kissed_ = *k;
    } else {
        // The query stays open: what somebody slipped in must not keep the true answer out.
        ++refused_;
        complain(std::string(to_string(std::get<refusal>(a))));
    }
    return a;
}

void peer::take(const sample& s, const exchange& x, const frequency_estimate& f) {
    query_.reset();
    const bool was_silent = state_ == peer_state::silent;
    if (taken_ == 0)
        say("answers");
    else if (!problem_.empty())
        say("answers again");
    if (filter_.add(s, f) && (!contradicted_ || x.received >= *contradicted_ + between_lines)) {
        say("contradicts what it said before");
        contradicted_ = x.received;
    }
    problem_.clear();
    complained_ = false;
    missed_ = fails_ = 0;
    untried_ = endpoints_.size();
    reach_ |= 1;
    ++taken_;
    if (!kiss_proven_ && slowed() && ++since_kiss_ == believed_again) least_ = configured_;
    authenticated_ = x.authenticated;
    if (was_silent) enter(peer_state::burst, x.received);
    if (state_ == peer_state::burst && --burst_left_ > 0) {
        deadline_ = x.received + burst_gap_;
        return;
    }
    enter(peer_state::steady, later(x.received, interval_));
}

void peer::unanswered(std::string why, instant now) {
    query_.reset();
    ++missed_;
    if (problem_.empty() || why != "no answer") problem_ = std::move(why);
    if (reach_ == 0) next_endpoint();
    if (state_ == peer_state::burst && --burst_left_ > 0) {
        deadline_ = now;
        return;
    }
    if (reach_ != 0 && (state_ == peer_state::burst || state_ == peer_state::steady)) {
        if (missed_ > 1) adapt(false);
        return enter(peer_state::steady, later(now, interval_));
    }
    if (state_ != peer_state::silent) {
        silent_for_ = 0;
        interval_ = least_;
        if (!complained_) say(problem_);
        complained_ = true;
    }
    const auto most = taken_ == 0 ? std::max(least_, first_retry) : most_;
    const auto wait = doubled(slowed() ? least_ : std::min(least_, first_retry), silent_for_, most);
    // Its name may point elsewhere by now.
    const bool look_again = ++silent_for_ % 8 == 0 || pool_;
    enter(look_again ? peer_state::locating : peer_state::silent, later(now, wait));
}

void peer::next_endpoint() {
    if (untried_ > 0) --untried_;
    if (endpoints_.size() < 2) return;
    current_ = (current_ + 1) % endpoints_.size();
    forget();
}

// Another address may be another server.
void peer::forget() {
    filter_.clear();
    reach_ = 0;
    const bool was_slowed = slowed();
    configured_ = where() && where()->ip.is_local() ? local_interval_ : remote_interval_;
    if (was_slowed) return;
    least_ = configured_;
    interval_ = least_;
}

void peer::obey(kiss k, bool authenticated, instant now) {
    kiss_proven_ = authenticated;
    query_.reset();
    const auto code = std::string(to_string(k));
    switch (k) {
    case kiss::deny:
    case kiss::restrict_:
        if (!authenticated) return slow_down(longest_unproven, "refuses us (" + code + ")", now);
        endpoints_.erase(endpoints_.begin() + static_cast<std::ptrdiff_t>(current_));
        current_ = 0;
        forget();
        if (!endpoints_.empty()) return enter(peer_state::burst, now);
        enter(peer_state::stopped, now + refused_for);
        complained_ = false;
        complain("refuses us (" + code + "): not asked for a day");
        return;
    case kiss::rate:
        return slow_down(authenticated ? longest_by_rate : longest_unproven,
                         "wants fewer queries (" + code + ")", now);
    case kiss::nts_nak:
        if (!nts_) return unanswered("no answer", now);
        enter(peer_state::locating, fails_ == 0 ? now : now + doubled(retry_here, fails_, longest_interval));
        ++fails_;
        complain("does not know its cookies any more (" + code + "): new keys wanted");
        return;
    case kiss::init:
        complain("the server is not synchronised yet (" + code + ")");
        return unanswered(problem_, now);
    case kiss::other:
        complain(code);
        return unanswered(code, now);
    }
}

// Of what is not proven no more than this: a forged refusal must not outlast the forger.
void peer::slow_down(nanoseconds longest, const std::string& why, instant now) {
    const auto before = least_;
    since_kiss_ = 0;
    least_ = std::min(std::max(least_, interval_) * 2, std::max(longest, least_));
    most_ = std::max(most_, least_);
    interval_ = std::max(interval_, least_);
    good_ = 0;
    if (reach_ == 0) next_endpoint();
    if (least_ > before) complained_ = false;
    complain(why + ": not more often than each " + chronoknock::to_string(least_));
    enter(reach_ != 0 ? peer_state::steady : peer_state::silent, later(now, interval_));
}

void peer::hurry(instant now) {
    if (!enabled()) return;
    query_.reset();
    missed_ = fails_ = 0;
    if (looked_for())
        deadline_ = state_ == peer_state::locating ? now : deadline_;
    else
        enter(peer_state::burst, now);
}

void peer::wake(instant now) {
    const auto sooner = [&](instant last, nanoseconds gap) {
        deadline_ = std::min(deadline_, std::max(now, last + gap));
    };
    switch (state_) {
    case peer_state::locating:
        return sooner(looked_.value_or(instant{}), nts_ ? first_retry : retry_here);
    case peer_state::steady:
    case peer_state::silent:
        if (now >= burst_at_ + std::max(between_bursts, least_)) return hurry(now);
        if (!query_ && sent_) sooner(*sent_, std::max(first_retry, slowed() ? least_ : first_retry));
        return;
    case peer_state::burst:
    case peer_state::finding:
    case peer_state::stopped:
    case peer_state::spare:
        return;
    }
}

void peer::hasten(instant now) {
    if (state_ != peer_state::steady) return;
    interval_ = least_;
    good_ = 0;
    if (!query_) deadline_ = std::min(deadline_, now + least_);
}

void peer::adapt(bool good) {
    good_ = good ? good_ + 1 : 0;
    if (!good) interval_ = std::max(least_, interval_ / 2);
    if (good_ < good_for_longer || interval_ * 2 > most_) return;
    good_ = 0;
    interval_ *= 2;
}

void peer::enter(peer_state next, instant deadline) {
    // Whatever comes after the first burst, or instead of it.
    settled_ = settled_ || (next != peer_state::finding && next != peer_state::burst);
    state_ = next;
    deadline_ = deadline;
    if (next != peer_state::burst) return;
    burst_at_ = deadline;
    burst_left_ = static_cast<int>(std::clamp<std::size_t>(endpoints_.size(), burst_size, 2 * burst_size));
    interval_ = least_;
    good_ = 0;
}

// Never earlier than asked for, and a little apart from what others do.
instant peer::later(instant from, nanoseconds wait) const { return from + wait + wait * spread_ / 1024; }

// Said once until it answers again: reasons may change with each try.
void peer::complain(std::string problem) {
    problem_ = std::move(problem);
    if (!complained_) say(problem_);
    complained_ = true;
}

std::optional<std::string> peer::take_news() { return std::exchange(news_, std::nullopt); }

} // namespace chronoknock::timesync

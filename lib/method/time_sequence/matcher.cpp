#include "method/time_sequence/matcher.hpp"

#include "grant/windows.hpp"
#include "method/time_sequence/hints.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace chronoknock::time_sequence {

namespace {

// An address is looked at the latest after so many SYNs of it, so that no more of them need be remembered
// beyond what counts.
constexpr std::uint32_t slack = 64;

// Derivations a second, each of them about 0.7 us: of hmac keys those whose selectors an address hit, of
// plain digests all. A first knock needs one, so a flood that looks like first knocks needs eight SYNs for
// each.
constexpr double for_first_knocks = 200'000;
constexpr double for_known = 100'000;
constexpr double for_plain = 100'000;
constexpr double for_doubtful = 25'000;
constexpr double burst_seconds = 0.1;
constexpr std::uint32_t most_at_once = 2000; // for one address: others' knocks wait for it
constexpr double of_a_hint = 0.1; // what looking one up costs: with many keys an address asks for hundreds
constexpr std::size_t most_waiting = 1024;

// What a first knock hits: its own selector, and by chance another. Each is derived again when it is late:
// when a port comes that was missing.
constexpr double selectors_of_a_knock = 2;
constexpr std::uint32_t looks_of_a_knock = 2;
constexpr std::uint8_t all_spent = 255; // no first knock spends that much

method::tracker::settings tracker_settings(const config::knock_settings& k) {
    return {k.tracked, k.memory, slack, k.timeout};
}

} // namespace

matcher::matcher(const config::server& server, std::span<const std::uint32_t> keys, const hash_seed& seed,
                 std::function<bool(const address&)> is_known, const matcher* before,
                 const sequence_kind& kind)
    : seed_(seed), packets_(kind.packets), known_(std::move(is_known)), keyring_(server, keys, kind),
      inherits_(before && before->tracker_->made_with() == tracker_settings(server.knock)),
      tracker_(inherits_ ? before->tracker_
                         : std::make_shared<method::tracker>(tracker_settings(server.knock), seed)),
      lanes_(make_lanes(server.knock.tracked)) {
    const auto hints = hints_for(server, keys, kind);
    if (!before || before->hints_.size() != hints) hints_ = zero_pages<std::uint64_t>(hints);
}

void matcher::take_over(matcher& before) {
    counters_ = before.counters_;
    // What the hints say of lines that have other numbers now is under hashes of another seed.
    if (hints_.size() == 0) hints_ = std::move(before.hints_);
    if (!inherits_) return;
    tracker_->judge_anew();
    expected_ = before.expected_;
    // Whoever waits keeps his place: what he is looked at for is found out when his turn comes.
    dirty_ = std::move(before.dirty_);
    lanes_ = std::move(before.lanes_);
    refilled_ = before.refilled_;
}

std::array<method::lane, matcher::turns> matcher::make_lanes(std::uint32_t tracked) {
    // With all lanes full, and those of a follower, half of the addresses can still be replaced.
    const auto most = std::min<std::size_t>(most_waiting, tracked / 16);
    const auto of = [most](double rate) { return method::lane(rate, rate * burst_seconds, most); };
    return {of(for_known), of(for_first_knocks), of(for_doubtful), of(for_plain)};
}

void matcher::observe(const packet::event& e, instant now) {
    if (e.kind != packets_ || !keyring_.in_any_pool(e.port)) {
        ++counters_.outside_pool;
        return;
    }
    tracker_->expect(e,
                     expected_.next(*tracker_, now, [this](const auto& a, instant then) { take(a, then); }));
}

void matcher::take_expected() {
    expected_.take_all(*tracker_, [this](const auto& a, instant now) { take(a, now); });
}

void matcher::take(const method::tracker::arrival& a, instant now) {
    now_ = now;
    ++counters_.tracked;
    const auto s = tracker_->observe(a, now_);
    // Without a selector among its SYNs an address has no sequence of an hmac key.
    auto& promising = tracker_->promising(s);
    bool worth_it = keyring_.is_selector(a.port) || !keyring_.plain_sequences().empty();
    if (tracker_->take_outdated(s)) {
        promising = std::ranges::any_of(
            tracker_->recall(s), [this](const method::seen& one) { return keyring_.is_selector(one.port); });
        worth_it |= promising;
        tracker_->await(s, method::tracker::port_filter::all());
    }
    promising |= worth_it;
    if (!promising) return tracker_->mark_looked_at(s);
    if (tracker_->count(s) < keyring_.least_syns()) return;
    // All that its selectors stand for was derived when it was looked at last, and is without a port yet that
    // this one is not: it need not be looked at again.
    if (!worth_it && tracker_->fresh(s) == 1 && !tracker_->awaits(s, a.port))
        return tracker_->mark_looked_at(s);
    if (!(tracker_->waits(s) & method::tracker::soon)) {
        dirty_.push_back(s);
        tracker_->begin_wait(s, method::tracker::soon);
    }
    if (tracker_->fresh(s) == slack) look(s);
}

bool matcher::advance(instant now, const time_estimate& t, std::size_t sequences) {
    t_at_ = now;
    t_ = t;
    return keyring_.advance(t.t, sequences);
}

std::vector<match> matcher::end_batch(instant now) {
    take_expected();
    now_ = now;
    for (auto& l : lanes_) l.refill(now - refilled_);
    refilled_ = now;
    for (std::size_t t = 0; t < turns; ++t) serve(static_cast<turn>(t));
    for (const auto s : dirty_) {
        tracker_->end_wait(s, method::tracker::soon);
        look(s);
    }
    dirty_.clear();
    return std::exchange(found_, {});
}

bool matcher::worth_a_look(method::tracker::slot s) const {
    return tracker_->fresh(s) != 0 && tracker_->count(s) >= keyring_.least_syns();
}

/// False if every lane that the address can need has it already, or has no room. In a flood that is what most
/// looks come to, and it must cost less than finding out which lane it is.
bool matcher::can_be_served(method::tracker::slot s) const {
    const auto can_take = [&](turn t) {
        return !(tracker_->waits(s) & bit(t)) && (lanes_[t].is_free() || !lanes_[t].waiting().full());
    };
    return (tracker_->spent(s) != all_spent && can_take(first_time)) || can_take(doubtful) ||
           (!keyring_.plain_sequences().empty() && can_take(plain)) ||
           (!(tracker_->waits(s) & bit(known)) && known_(tracker_->who(s)));
}

void matcher::look(method::tracker::slot s) {
    if (!worth_a_look(s)) return;
    if (!can_be_served(s)) {
        if (tracker_->waits(s) <= method::tracker::soon) ++counters_.turned_away;
        return;
    }
    ++counters_.looks;
    open_view(s);
    bool seen_to = true;
    if (view_.looks_like_first && !timely_.empty()) {
        seen_to = take_turn(first_time);
        if (!untimely_.empty()) seen_to &= take_turn(doubtful);
    } else if (!timely_.empty() || !untimely_.empty()) {
        seen_to = take_turn(doubtful);
    }
    if (!keyring_.plain_sequences().empty()) seen_to &= take_turn(plain);
    // Whoever was turned away is looked at again when his next SYN comes.
    if (seen_to && tracker_->waits(s) <= method::tracker::soon) {
        tracker_->mark_looked_at(s);
        tracker_->await(s, view_.awaited);
    }
    close_view();
}

/// Gives those who wait their turn, the oldest first, as long as the ration lasts.
void matcher::serve(turn t) {
    auto& waiting = lanes_[t].waiting();
    while (!waiting.empty() && lanes_[t].has_ration()) {
        const auto s = waiting.front();
        bool done = true;
        if (worth_a_look(s)) {
            open_view(s);
            done = work(t);
            close_view();
        }
        if (!done) return;
        waiting.pop_front();
        tracker_->end_wait(s, bit(t));
        if (tracker_->waits(s) > method::tracker::soon) continue;
        tracker_->mark_looked_at(s);
        tracker_->await(s, method::tracker::port_filter::all()); // for the other turns
    }
}

/// The derivations of a turn for the address that is looked at: now, or when the lane comes to it. False if
/// it is turned away.
bool matcher::take_turn(turn t) {
    if (tracker_->waits(view_.s) & bit(t)) return true;
    if (!lanes_[t].is_free() && known_(view_.who)) {
        if (tracker_->waits(view_.s) & bit(known)) return true;
        t = known;
    }
    if (lanes_[t].is_free() && work(t)) return true;
    auto& waiting = lanes_[t].waiting();
    if (waiting.full()) {
        ++counters_.turned_away;
        return false;
    }
    ++counters_.postponed;
    tracker_->begin_wait(view_.s, bit(t));
    waiting.push_back(view_.s);
    return true;
}

void matcher::open_view(method::tracker::slot s) {
    view_ = {s,
             tracker_->who(s),
             {tracker_->recall(s), tracker_->fresh(s), tracker_->memory(), tracker_->timeout_ticks()},
             found_.size()};
    // What was derived before is without a port yet that has not come since.
    const auto before = tracker_->awaited(s);
    view_.only_fresh = std::ranges::none_of(
        view_.r.fresh_syns(), [&](const method::seen& one) { return before.may_have(one.port); });
    if (view_.only_fresh) view_.awaited = before;
    distinct_.clear();
    selectors_.clear();
    for (const auto& syn : view_.r.syns) {
        if (ports_[syn.port]) continue;
        ports_.set(syn.port);
        distinct_.push_back(syn.port);
        if (keyring_.is_selector(syn.port)) selectors_.push_back(syn.port);
    }
    find_candidates();
    tracker_->promising(s) = !selectors_.empty();
}

void matcher::close_view() {
    for (const auto port : distinct_) ports_.reset(port);
    if (found_.size() == view_.found_before) return;
    // A knock's SYNs are used up by it: what completes the sequence again is a replay.
    tracker_->forget(view_.s, [this](std::uint16_t port) { return used_[port]; });
    used_.reset();
}

void matcher::find_candidates() {
    timely_.clear();
    untimely_.clear();
    const auto t = t_.t + (now_ - t_at_);
    const auto latest = t + t_.error;
    const auto earliest = t - t_.error - tracker_->age(view_.r.syns.front(), now_);
    // The lists of all ports side by side, so that memory is asked for several nodes at a time.
    walk_.clear();
    const auto follow = [this](std::uint32_t n) {
        if (n == keyring::none) return;
        __builtin_prefetch(&keyring_.at(n));
        walk_.push_back(n);
    };
    for (const auto port : selectors_) follow(keyring_.first_with_selector(port));
    for (std::size_t i = 0; i < walk_.size(); ++i) {
        const auto n = walk_[i];
        const auto& live = keyring_.at(n);
        follow(live.next);
        if (distinct_.size() < live.distinct.least) {
            view_.awaited = method::tracker::port_filter::all();
            continue;
        }
        const unix_time begin{seconds(live.t0)};
        const bool in_time = live.g == 0 || (begin <= latest && earliest < begin + seconds(2 * live.g));
        (in_time && distinct_.size() >= live.distinct.usually ? timely_ : untimely_).push_back(n);
    }
    if (timely_.empty()) return;
    // With many keys chance hits more: the mean, and twice the deviation.
    const double mean = keyring_.expected_selectors(distinct_);
    const auto allowed = static_cast<std::uint32_t>(selectors_of_a_knock + mean + 2 * std::sqrt(mean));
    auto& spent = tracker_->spent(view_.s);
    if (spent >= looks_of_a_knock * allowed) spent = all_spent;
    view_.looks_like_first = timely_.size() <= allowed && spent != all_spent;
}

/// False if not all is derived yet: the rest is when it is called again.
bool matcher::work(turn t) {
    derived_at_once_ = 0;
    const auto try_all = [&](const std::vector<std::uint32_t>& candidates) {
        return std::ranges::all_of(candidates, [&](std::uint32_t n) {
            const auto& live = keyring_.at(n);
            return (view_.only_fresh && !is_fresh(live.port)) || try_sequence(live.sequence, live.t0, t);
        });
    };
    if (t != plain && !try_all(timely_)) return false;
    if ((t == doubtful || t == known) && !try_all(untimely_)) return false;
    return (t != plain && t != known) || try_plain(t);
}

bool matcher::try_plain(turn t) {
    for (const auto l : keyring_.plain_sequences()) {
        if (distinct_.size() < keyring_.distinct(l).least) continue;
        const auto& k = keyring_.psk(l);
        auto windows = granting::window_range{0, 0};
        if (!k.ignore_time) {
            const auto now = t_.t + (now_ - t_at_);
            const auto oldest = tracker_->age(view_.r.syns.front(), now_);
            windows = granting::acceptable_windows(now - t_.error - oldest, now + t_.error, k.granularity);
        }
        for (auto t0 = windows.first; t0 <= windows.last; t0 += k.granularity)
            if (!try_sequence(l, t0, t)) return false;
    }
    return true;
}

/// False if it would have to be derived, and enough was for now.
bool matcher::try_sequence(std::uint32_t l, std::int64_t t0, turn t) {
    constexpr std::uint64_t port_bits = 0xffff;
    const auto h = hash(l, t0, view_.who);
    auto& hint = hints_[h & (hints_.size() - 1)];
    lanes_[t].spend(of_a_hint);
    if (((hint ^ h) & ~port_bits) == 0 && !arrived(hint & port_bits, keyring_.mode(l))) {
        view_.awaited.add(hint & port_bits);
        return true;
    }
    if (derived_at_once_ == most_at_once) return false;
    ++derived_at_once_;
    lanes_[t].spend(1);
    if (auto& spent = tracker_->spent(view_.s); t == first_time && spent != all_spent) ++spent;
    ++counters_.derivations;
    const auto& k = keyring_.psk(l);
    sequence_.resize(k.length);
    keyring_.sequence(l, view_.who, t0, sequence_);
    const auto missing =
        std::ranges::find_if(sequence_, [this](std::uint16_t port) { return !ports_[port]; });
    // In strict mode only its last port completes a sequence.
    const auto mode = keyring_.mode(l);
    const auto awaited = mode == config::matching::strict ? sequence_.back()
                         : missing == sequence_.end()     ? sequence_.front()
                                                          : *missing;
    hint = (h & ~port_bits) | awaited;
    // All may be there, but not within what counts: then each can be the one that is needed again.
    if (missing == sequence_.end() && mode == config::matching::set)
        view_.awaited = method::tracker::port_filter::all();
    view_.awaited.add(awaited);
    if (missing != sequence_.end()) return true;

    const auto complete = mode == config::matching::set
                              ? method::complete_set(view_.r, sequence_)
                              : method::complete_strict(view_.r, sequence_, k.ports);
    if (!complete) return true;
    for (const auto port : sequence_) used_.set(port);
    // Two turns of one look may both have come to it.
    const auto begin = found_.begin() + static_cast<std::ptrdiff_t>(view_.found_before);
    if (std::any_of(begin, found_.end(),
                    [&](const match& m) { return m.id == keyring_.id_of(l) && m.t0 == t0; }))
        return true;
    // The port whose turn to come was last.
    std::uint16_t last_port = view_.r.syns[complete->first].port;
    auto missed = sequence_;
    for (const auto& syn : view_.r.syns.subspan(complete->first))
        if (std::erase(missed, syn.port) != 0) last_port = syn.port;
    found_.push_back({view_.who, keyring_.id_of(l), t0,
                      now_ - tracker_->age(view_.r.syns[complete->first], now_), last_port});
    return true;
}

/// True if the port that a sequence's hint waits for is there. What completes a strict one has just come.
bool matcher::arrived(std::uint16_t port, config::matching mode) const {
    if (!ports_[port]) return false;
    if (mode == config::matching::set) return true;
    return is_fresh(port);
}

bool matcher::is_fresh(std::uint16_t port) const {
    return std::ranges::any_of(view_.r.fresh_syns(), [port](const auto& one) { return one.port == port; });
}

// Keyed, so that nobody can make his knock's hint another's.
std::uint64_t matcher::hash(std::uint32_t l, std::int64_t t0, const address& who) const {
    const auto [high, low] = words(who);
    auto h = fold(high ^ seed_[0], low ^ seed_[1] ^ 1);
    h = fold(h ^ static_cast<std::uint64_t>(t0) ^ seed_[2], seed_[3] ^ (std::uint64_t{l} << 1 | 1));
    return h ^ h >> 32;
}

std::vector<std::pair<std::string_view, std::uint64_t>> matcher::count_by_name() const {
    return {{"outside_pool", counters_.outside_pool},
            {"tracked", counters_.tracked},
            {"looks", counters_.looks},
            {"derivations", counters_.derivations},
            {"postponed", counters_.postponed},
            {"turned_away", counters_.turned_away},
            {"tracker_bytes", tracker_->bytes()},
            {"live_sequences", keyring_.live_count()}};
}

} // namespace chronoknock::time_sequence

#include "knock/matcher.hpp"

#include "knock/windows.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::knock {

namespace {

// An address is looked at the latest after so many SYNs of it, so that the ring need not hold more beyond
// what counts.
constexpr std::uint32_t slack = 64;

// What strangers can make a server derive, each once for an address, a line and a window: of hmac keys the
// sequences whose selectors they hit, of plain digests, which have no selector, all. 100,000 a second are
// some 3 % of one processor.
constexpr double derivations_per_second = 100'000;
constexpr double derivation_burst = 10'000;
constexpr std::size_t most_postponed = 1024;

constexpr std::size_t hint_count = std::size_t{1} << 21; // 16 MiB, touched as they are used

} // namespace

matcher::matcher(const config::server& server, const hash_seed& seed,
                 std::function<bool(const address&)> known)
    : server_(server), seed_(seed), known_(std::move(known)), keyring_(server),
      tracker_({server.knock.tracked, server.knock.memory, slack, server.knock.timeout}, seed),
      hints_(hint_count), ration_(derivation_burst) {
    dirty_.reserve(most_postponed);
}

void matcher::observe(const packet::syn& syn, instant now) {
    if (!keyring_.in_any_pool(syn.port)) {
        ++counters_.outside_pool;
        return;
    }
    now_ = now;
    ++counters_.tracked;
    const auto s = tracker_.observe(syn, now);
    // Without a selector among its SYNs an address has no sequence of an hmac key.
    auto& promising = tracker_.promising(s);
    promising = promising || keyring_.is_selector(syn.port) || !keyring_.plain_lines().empty();
    if (!promising) return tracker_.mark_looked_at(s);
    if (tracker_.count(s) < keyring_.least_syns()) return;
    if (!tracker_.queued(s)) {
        tracker_.queued(s) = true;
        dirty_.push_back(s);
    }
    if (tracker_.fresh(s) == slack) look(s);
}

bool matcher::advance(instant now, const time_estimate& t, std::size_t lines) {
    t_at_ = now;
    t_ = t;
    return keyring_.advance(t.t, lines);
}

std::vector<match> matcher::end_batch(instant now) {
    now_ = now;
    const auto earned = std::chrono::duration<double>(now - refilled_).count() * derivations_per_second;
    ration_ = std::min(derivation_burst, ration_ + earned);
    refilled_ = now;

    // When the ration is short: a knock has few more SYNs than ports, and its address should not wait behind
    // those of a flood. Of the same number the latest first.
    std::ranges::reverse(dirty_);
    if (ration_ < derivation_burst / 2)
        std::ranges::stable_sort(dirty_, {}, [this](tracker::slot s) { return tracker_.count(s); });
    for (const auto s : dirty_) {
        tracker_.queued(s) = false;
        look(s);
    }
    dirty_.assign(postponed_.rbegin(), postponed_.rend());
    postponed_.clear();
    return std::exchange(found_, {});
}

void matcher::look(tracker::slot s) {
    if (tracker_.fresh(s) == 0 || tracker_.count(s) < keyring_.least_syns()) return;
    const auto who = tracker_.who(s);
    if (ration_ < 1 && !known_(who)) return postpone(s);
    ++counters_.looks;
    const remembered r{tracker_.recall(s), tracker_.fresh(s), tracker_.memory(), tracker_.timeout_ticks()};
    const auto found_before = found_.size();
    distinct_.clear();
    for (const auto& syn : r.syns) {
        if (ports_[syn.port]) continue;
        ports_.set(syn.port);
        distinct_.push_back(syn.port);
    }
    tracker_.promising(s) =
        std::ranges::any_of(distinct_, [this](auto p) { return keyring_.is_selector(p); });
    const bool done = look_for_selectors(who, r) && look_for_plain(who, r);
    for (const auto port : distinct_) ports_.reset(port);

    // A knock's SYNs are used up by it: what completes the sequence again is a replay.
    if (found_.size() != found_before) {
        tracker_.forget(s, [this](std::uint16_t port) { return used_[port]; });
        used_.reset();
    }
    if (done)
        tracker_.mark_looked_at(s);
    else
        postpone(s);
}

void matcher::postpone(tracker::slot s) {
    ++counters_.postponed;
    if (tracker_.queued(s) || postponed_.size() == most_postponed) return;
    tracker_.queued(s) = true;
    postponed_.push_back(s);
}

bool matcher::look_for_selectors(const address& who, const remembered& r) {
    for (const auto port : distinct_)
        for (auto n = keyring_.first_with_selector(port); n != keyring::none; n = keyring_.at(n).next)
            if (!try_sequence(keyring_.at(n).line, keyring_.at(n).t0, who, r)) return false;
    return true;
}

bool matcher::look_for_plain(const address& who, const remembered& r) {
    for (const auto l : keyring_.plain_lines()) {
        const auto& k = keyring_.psk(l);
        auto windows = window_range{0, 0};
        if (!k.ignore_time) {
            const auto t = t_.t + (now_ - t_at_);
            const auto oldest = tracker_.age(r.syns.front(), now_);
            windows = acceptable_windows(t - t_.error - oldest, t + t_.error, k.granularity);
        }
        for (auto t0 = windows.first; t0 <= windows.last; t0 += k.granularity)
            if (!try_sequence(l, t0, who, r)) return false;
    }
    return true;
}

// False if the ration does not allow to derive it.
bool matcher::try_sequence(std::uint32_t l, std::int64_t t0, const address& who, const remembered& r) {
    constexpr std::uint64_t port_bits = 0xffff;
    const auto h = hash(l, t0, who);
    auto& hint = hints_[h % hint_count];
    if (((hint ^ h) & ~port_bits) == 0) {
        if (!ports_[hint & port_bits]) return true;
    } else if (!may_derive(who)) {
        return false;
    }
    ++counters_.derivations;
    const auto& k = keyring_.psk(l);
    sequence_.resize(k.length);
    keyring_.sequence(l, who, t0, sequence_);
    const auto missing =
        std::ranges::find_if(sequence_, [this](std::uint16_t port) { return !ports_[port]; });
    hint = (h & ~port_bits) | (missing == sequence_.end() ? sequence_.front() : *missing);
    if (missing != sequence_.end()) return true;

    const auto complete = server_.knock.mode == config::matching::set
                              ? complete_set(r, sequence_)
                              : complete_strict(r, sequence_, k.ports);
    if (!complete) return true;
    for (const auto port : sequence_) used_.set(port);
    found_.push_back({who, keyring_.what(l), t0, now_ - tracker_.age(r.syns[complete->first], now_)});
    return true;
}

bool matcher::may_derive(const address& who) {
    if (ration_ < 1 && !known_(who)) return false;
    ration_ = std::max(0.0, ration_ - 1);
    return true;
}

// Keyed, so that nobody can make his knock's hint another's.
std::uint64_t matcher::hash(std::uint32_t l, std::int64_t t0, const address& who) const {
    const auto [high, low] = words(who);
    auto h = fold(high ^ seed_[0], low ^ seed_[1] ^ 1);
    h = fold(h ^ static_cast<std::uint64_t>(t0) ^ seed_[2], seed_[3] ^ (std::uint64_t{l} << 1 | 1));
    return h ^ h >> 32;
}

} // namespace chronoknock::knock

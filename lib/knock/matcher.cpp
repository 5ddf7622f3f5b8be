#include "knock/matcher.hpp"

#include "knock/windows.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace chronoknock::knock {

namespace {

// An address is looked at the latest after so many SYNs of it, so that the ring need not hold more beyond
// what counts.
constexpr std::uint32_t slack = 64;

// What strangers can make a server hash: plain digests have no selector, so each of their live windows is
// hashed for each address that sends enough SYNs. 100,000 a second are some 2 % of one processor.
constexpr double hashes_per_second = 100'000;
constexpr double hash_burst = 10'000;
constexpr std::size_t most_postponed = 1024;

constexpr std::size_t cache_lines = 4096;

} // namespace

matcher::matcher(const config::server& server, const hash_seed& seed,
                 std::function<bool(const address&)> known)
    : server_(server), known_(std::move(known)), keyring_(server),
      tracker_({server.knock.tracked, server.knock.memory, slack, server.knock.timeout}, seed),
      cache_(cache_lines) {
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
    const auto count = tracker_.count(s);
    if (count < keyring_.least_syns()) return;
    if (tracker_.fresh(s) == slack)
        look(s);
    else if (tracker_.fresh(s) == 1 || count == keyring_.least_syns())
        dirty_.push_back(s);
}

bool matcher::advance(instant now, const time_estimate& t, std::size_t lines) {
    t_at_ = now;
    t_ = t;
    return keyring_.advance(t.t, lines);
}

std::vector<match> matcher::end_batch(instant now) {
    now_ = now;
    const auto earned = std::chrono::duration<double>(now - refilled_).count() * hashes_per_second;
    hashes_left_ = std::min(hash_burst, hashes_left_ + earned);
    refilled_ = now;

    // The latest first: when there is more to hash than leave to, a knock is most likely among them.
    for (const auto s : std::views::reverse(dirty_))
        if (tracker_.fresh(s) != 0 && tracker_.count(s) >= keyring_.least_syns()) look(s);
    dirty_.assign(postponed_.rbegin(), postponed_.rend());
    postponed_.clear();
    return std::exchange(found_, {});
}

void matcher::look(tracker::slot s) {
    ++counters_.looks;
    const auto who = tracker_.who(s);
    const remembered r{tracker_.recall(s), tracker_.fresh(s), tracker_.memory(), tracker_.timeout_ticks()};
    const auto found_before = found_.size();
    distinct_.clear();
    for (const auto& syn : r.syns) {
        if (ports_[syn.port]) continue;
        ports_.set(syn.port);
        distinct_.push_back(syn.port);
    }
    look_for_selectors(who, r);
    const bool done = look_for_plain(who, r);
    for (const auto port : distinct_) ports_.reset(port);

    // A knock's SYNs are used up by it: what completes the sequence again is a replay.
    if (found_.size() != found_before) {
        tracker_.forget(s, [this](std::uint16_t port) { return used_[port]; });
        used_.reset();
    }
    if (done) {
        tracker_.mark_looked_at(s);
    } else {
        ++counters_.postponed;
        if (postponed_.size() < most_postponed) postponed_.push_back(s);
    }
}

void matcher::look_for_selectors(const address& who, const remembered& r) {
    for (const auto port : distinct_)
        for (auto n = keyring_.first_with_selector(port); n != keyring::none; n = keyring_.at(n).next)
            try_sequence(keyring_.at(n).line, keyring_.at(n).t0, who, r);
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
        for (auto t0 = windows.first; t0 <= windows.last; t0 += k.granularity) {
            if (cache_line(l, t0, who).line != l && !may_hash(who)) return false;
            try_sequence(l, t0, who, r);
        }
    }
    return true;
}

bool matcher::may_hash(const address& who) {
    if (known_(who)) return true;
    if (hashes_left_ < 1) return false;
    hashes_left_ -= 1;
    return true;
}

void matcher::try_sequence(std::uint32_t l, std::int64_t t0, const address& who, const remembered& r) {
    const auto& k = keyring_.psk(l);
    auto& c = cache_line(l, t0, who);
    const auto sequence = std::span{c.ports}.first(k.length);
    if (c.line != l) {
        ++counters_.derivations;
        keyring_.sequence(l, who, t0, sequence);
        c.line = l;
        c.t0 = t0;
        c.who = who;
    }
    if (!std::ranges::all_of(sequence, [this](std::uint16_t port) { return ports_[port]; })) return;
    const auto complete = server_.knock.mode == config::matching::set ? complete_set(r, sequence)
                                                                      : complete_strict(r, sequence, k.ports);
    if (!complete) return;
    for (const auto port : sequence) used_.set(port);
    found_.push_back({who, keyring_.what(l), t0, now_ - tracker_.age(r.syns[complete->first], now_)});
}

// The place for a sequence; what it holds is another one's unless its line is l.
matcher::cached& matcher::cache_line(std::uint32_t l, std::int64_t t0, const address& who) {
    std::size_t h = std::size_t{l} * 0x9e3779b97f4a7c15u ^ static_cast<std::size_t>(t0) * 0xc2b2ae3d27d4eb4fu;
    for (const auto byte : who.bytes()) h = (h ^ byte) * 0x100000001b3u;
    auto& c = cache_[(h ^ h >> 32) % cache_lines];
    if (c.line == l && (c.t0 != t0 || c.who != who)) c.line = ~0u;
    return c;
}

} // namespace chronoknock::knock

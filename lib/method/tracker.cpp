#include "method/tracker.hpp"

#include <algorithm>
#include <bit>
#include <memory>

namespace chronoknock::method {

namespace {

// Ticks of timeout / 8192: sixteen bits tell ages up to eight timeouts apart, and nothing stays in a ring for
// more than two (observe drops what is older than one whenever the address is heard of).
constexpr std::uint16_t ticks_per_timeout = 8192;

std::uint16_t retransmission_id(const packet::event& syn) {
    const std::uint32_t mixed = (syn.sequence ^ std::uint32_t{syn.source_port} << 16) * 0x9e3779b1u;
    return static_cast<std::uint16_t>(mixed >> 16);
}

} // namespace

tracker::tracker(const settings& s, const hash_seed& seed)
    : settings_(s), seed_(seed), capacity_(s.memory + s.slack),
      unit_(std::max(nanoseconds(1), (s.timeout + nanoseconds(ticks_per_timeout - 1)) / ticks_per_timeout)),
      timeout_ticks_(static_cast<std::uint16_t>((s.timeout + unit_ - nanoseconds(1)) / unit_)),
      slots_(s.addresses), ring_(std::size_t{s.addresses} * capacity_),
      buckets_(std::bit_ceil(std::size_t{s.addresses})) {
    scratch_.reserve(capacity_);
    std::uninitialized_default_construct(slots_.begin(), slots_.end());
    std::ranges::fill(buckets_, none);
    for (slot i = 0; i < s.addresses; ++i) make_newest(i);
}

std::size_t tracker::bytes() const {
    return slots_.size() * sizeof(entry) + ring_.size() * sizeof(seen) +
           buckets_.size() * sizeof(std::uint32_t);
}

std::uint32_t tracker::bucket_of(const address& a) const {
    const auto [high, low] = words(a);
    const auto mixed = fold(fold(high ^ seed_[0], seed_[1] | 1) ^ low ^ seed_[2], seed_[3] | 1);
    return static_cast<std::uint32_t>(mixed & (buckets_.size() - 1));
}

tracker::slot tracker::find(const address& a, std::uint32_t bucket) const {
    auto s = buckets_[bucket];
    while (s != none && slots_[s].who != a) s = slots_[s].next_in_bucket;
    return s;
}

void tracker::unlink(slot s) {
    const entry& e = slots_[s];
    (e.newer == none ? newest_ : slots_[e.newer].older) = e.older;
    (e.older == none ? oldest_ : slots_[e.older].newer) = e.newer;
}

void tracker::make_newest(slot s) {
    entry& e = slots_[s];
    e.newer = none;
    e.older = newest_;
    (newest_ == none ? oldest_ : slots_[newest_].newer) = s;
    newest_ = s;
}

tracker::slot tracker::replace_oldest(const address& a, std::uint32_t bucket) {
    // Far fewer wait than there are slots: see matcher.
    while (slots_[oldest_].waits > soon) {
        const slot waiting = oldest_;
        unlink(waiting);
        make_newest(waiting);
    }
    const slot s = oldest_;
    entry& e = slots_[s];
    if (e.bucket != none) {
        auto* link = &buckets_[e.bucket];
        while (*link != s) link = &slots_[*link].next_in_bucket;
        *link = e.next_in_bucket;
    }
    // The next to go is in no cache; under a flood of new addresses it is wanted soon.
    if (e.newer != none) __builtin_prefetch(&slots_[e.newer], 1);
    e.who = a;
    e.bucket = bucket;
    e.next_in_bucket = buckets_[bucket];
    buckets_[bucket] = s;
    e.head = e.count = e.fresh = 0;
    e.waits = e.spent = 0;
    ++newcomers_;
    return s;
}

tracker::slot tracker::observe(const packet::event& syn, instant now) {
    const auto bucket = bucket_of(syn.source);
    slot s = find(syn.source, bucket);
    if (s == none) s = replace_oldest(syn.source, bucket);
    if (s != newest_) {
        unlink(s);
        make_newest(s);
    }

    entry& e = slots_[s];
    const auto drop_oldest = [&] {
        e.head = static_cast<std::uint16_t>((e.head + 1u) % capacity_);
        --e.count;
    };
    const auto now_tick = tick(now);
    if (e.count != 0) {
        if (now - e.last >= settings_.timeout) e.head = e.count = e.fresh = 0;
        while (e.count != 0 && static_cast<std::uint16_t>(now_tick - at(s, 0).tick) >= timeout_ticks_)
            drop_oldest();
    }
    e.last = now;

    // Most strangers send one SYN: it needs no place in the ring, and so touches no memory but the entry's.
    if (e.count == 0) {
        e.in_ring = e.promising = false;
        e.spent = 0;
        e.judgement = judgement_;
    }
    if (e.count == 1 && !e.in_ring) {
        e.in_ring = true;
        at(s, 0) = e.only;
    }
    if (e.count == capacity_) drop_oldest();
    at(s, e.count++) = {syn.port, now_tick, retransmission_id(syn)};
    if (e.fresh < capacity_) ++e.fresh;
    return s;
}

std::span<const seen> tracker::recall(slot s) const {
    const auto& e = slots_[s];
    if (!e.in_ring) return std::span(&e.only, e.count);
    const auto ring = std::span(ring_.data(), ring_.size()).subspan(std::size_t{s} * capacity_, capacity_);
    const auto to_end = std::min<std::size_t>(e.count, capacity_ - e.head);
    scratch_.resize(e.count);
    std::ranges::copy(ring.subspan(e.head, to_end), scratch_.begin());
    std::ranges::copy(ring.first(e.count - to_end), scratch_.begin() + static_cast<std::ptrdiff_t>(to_end));
    return scratch_;
}

} // namespace chronoknock::method

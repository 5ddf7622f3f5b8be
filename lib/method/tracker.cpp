#include "method/tracker.hpp"

#include <algorithm>
#include <memory>

namespace chronoknock::method {

namespace {

// Ticks of timeout / 8192: sixteen bits tell ages up to eight timeouts apart, and nothing is remembered for
// more than two (observe drops what is older than one whenever the address is heard of).
constexpr std::uint16_t ticks_per_timeout = 8192;

// A small table's knocks outlast a flood too: with a megabyte 65,536 SYNs by four.
constexpr std::size_t least_blocks = 16384;

std::size_t blocks_for(std::size_t addresses) {
    return addresses == 0 ? 0 : std::max(least_blocks, addresses + addresses / 2);
}

std::uint16_t retransmission_id(const packet::event& syn) {
    const std::uint32_t mixed = (syn.sequence ^ std::uint32_t{syn.source_port} << 16) * 0x9e3779b1u;
    return static_cast<std::uint16_t>(mixed >> 16);
}

} // namespace

tracker::tracker(const settings& s, const hash_seed& seed, std::shared_ptr<tracker> leader)
    : settings_(s), seed_(seed), leader_(std::move(leader)), capacity_(s.memory + s.slack),
      unit_(std::max(nanoseconds(1), (s.timeout + nanoseconds(ticks_per_timeout - 1)) / ticks_per_timeout)),
      timeout_ticks_(static_cast<std::uint16_t>((s.timeout + unit_ - nanoseconds(1)) / unit_)),
      slots_(s.addresses), pool_(blocks_for(s.addresses)), index_(leader_ ? 0 : s.addresses) {
    scratch_.reserve(capacity_);
    std::uninitialized_default_construct(slots_.begin(), slots_.end());
    if (!leader_)
        for (slot i = 0; i < s.addresses; ++i) make_newest(i);
}

void tracker::let_go() {
    if (holding_ == 0) return; // perhaps the leader is in use, by another thread
    for (auto& e : leader_->slots_) e.waits &= static_cast<std::uint8_t>(~followed);
    holding_ = 0;
}

std::size_t tracker::bytes() const {
    return slots_.size() * sizeof(entry) + pool_.size() * sizeof(block) + index_.memory().size();
}

std::uint32_t tracker::hash_of(const address& a) const {
    // By small factors, like a test's, addresses side by side would have cells side by side.
    constexpr std::uint64_t large = 0x9e3779b97f4a7c15;
    const auto [high, low] = words(a);
    return static_cast<std::uint32_t>(
        fold(fold(high ^ seed_[0], (seed_[1] ^ large) | 1) ^ low ^ seed_[2], (seed_[3] ^ large) | 1));
}

void tracker::expect(const packet::event& syn, arrival& out) const {
    out.hash = leader_ ? leader_->hash_of(syn.source) : hash_of(syn.source);
    if (!leader_) index_.fetch(out.hash);
    out.who = syn.source;
    out.port = syn.port;
    out.id = retransmission_id(syn);
}

void tracker::fetch(const arrival& a) const {
    if (leader_) return; // which had it fetched: see admit()
    index_.find(a.hash, [this](slot s) {
        __builtin_prefetch(&slots_[s], 1);
        return false;
    });
}

tracker::slot tracker::find(const arrival& a) const {
    return index_.find(a.hash, [&](slot s) { return slots_[s].who == a.who; });
}

/// Where the address stands, the one heard of last from now on.
tracker::slot tracker::admit(const arrival& a) {
    auto s = find(a);
    if (s == none) s = replace_oldest(a);
    if (s != newest_) {
        unlink(s);
        make_newest(s);
    }
    recent(a) = {s, ++admitted_};
    if (follower_) __builtin_prefetch(follower_ + s, 1);
    return s;
}

/// The same for its follower, which comes soon after it.
tracker::slot tracker::admit_again(const arrival& a) {
    constexpr std::uint32_t little_of = 64; // of the order in which addresses make room
    const auto& last = recent(a);
    const bool still = admitted_ - last.number < std::min(just_now, settings_.addresses / little_of);
    return still && slots_[last.at].who == a.who ? last.at : admit(a);
}

/// The slot is the address's from now on, of which nothing is remembered.
void tracker::clear(slot s, const address& who) {
    entry& e = slots_[s];
    e.who = who;
    e.count = e.fresh = 0;
    e.head = entry::unchained;
    e.waits = e.spent = 0;
    hold(s);
}

void tracker::begin_wait(slot s, std::uint8_t bits) {
    slots_[s].waits |= bits;
    hold(s);
}

void tracker::end_wait(slot s, std::uint8_t bits) {
    slots_[s].waits &= static_cast<std::uint8_t>(~bits);
    hold(s);
}

/// Has the leader keep the slot, or not any more: as long as who waits here is the one who stands there.
void tracker::hold(slot s) {
    if (!leader_) return;
    entry& there = leader_->slots_[s];
    const bool held = there.waits & followed;
    const bool to_hold = waits(s) > soon && there.who == slots_[s].who;
    if (held == to_hold) return;
    there.waits ^= followed;
    to_hold ? ++holding_ : --holding_;
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

/// Those that are the next to go are in no cache, and under a flood of new addresses they are wanted soon:
/// has the processor fetch one of them, with where it is found, when `given` goes to another address.
void tracker::fetch_oldest(slot given) {
    if (given == scout_ || scout_ == none) { // all before it went to others, or were heard of
        scout_ = given;
        for (std::uint32_t i = 0; i < scouted && slots_[scout_].newer != none; ++i)
            scout_ = slots_[scout_].newer;
    }
    const auto next = slots_[scout_].newer;
    scout_ = next;
    if (next == none) return; // it was heard of itself
    const entry& e = slots_[next];
    index_.fetch(hash_of(e.who));
    if (e.newer != none) __builtin_prefetch(&slots_[e.newer], 1);
    // Who came one after the other mostly stands side by side: this one is next so many newcomers later.
    __builtin_prefetch(slots_.begin() + std::min<std::size_t>(next + scouted, slots_.size() - 1), 1);
}

tracker::slot tracker::replace_oldest(const arrival& a) {
    // Far fewer wait than there are slots: see matcher.
    while (slots_[oldest_].waits > soon) {
        const slot waiting = oldest_;
        unlink(waiting);
        make_newest(waiting);
    }
    const slot s = oldest_;
    entry& e = slots_[s];
    // Slots that were never given stand before all others.
    if (newcomers_ >= slots_.size()) index_.remove(hash_of(e.who), s);
    fetch_oldest(s);
    clear(s, a.who);
    index_.enter(a.hash, s);
    ++newcomers_;
    return s;
}

tracker::slot tracker::observe(const arrival& a, instant now) {
    if (leader_) leader_->follower_ = slots_.begin();
    const slot s = leader_ ? leader_->admit_again(a) : admit(a);
    entry& e = slots_[s];
    if (leader_ && e.who != a.who) clear(s, a.who); // it was another's
    const auto now_tick = tick(now);
    if (e.count != 0 && now - e.last >= settings_.timeout) {
        e.count = e.fresh = 0;
        e.head = entry::unchained;
    }
    while (e.count != 0 && static_cast<std::uint16_t>(now_tick - e.oldest) >= timeout_ticks_) drop_oldest(e);
    e.last = now;
    if (e.count == 0) {
        e.promising = false;
        e.spent = 0;
        e.judgement = judgement_;
    }
    if (e.count == capacity_) drop_oldest(e);
    append(s, {a.port, now_tick, a.id});
    if (e.fresh < capacity_) ++e.fresh;
    return s;
}

void tracker::drop_oldest(entry& e) {
    --e.count;
    if (!e.chained()) {
        std::shift_left(e.few.begin(), e.few.end(), 1);
    } else if (e.count == 0) {
        e.head = entry::unchained;
    } else if (++e.head == per_block) {
        e.blocks.first = pool_[e.blocks.first].next;
        e.head = 0;
    }
    if (e.count != 0) e.oldest = front(e).tick;
}

/// It goes to another address.
void tracker::drop_first_block(entry& e) {
    const auto lost = std::min<std::uint32_t>(e.count, per_block - e.head);
    e.count = static_cast<std::uint16_t>(e.count - lost);
    e.fresh = std::min(e.fresh, e.count);
    if (e.count == 0) {
        e.head = entry::unchained;
        e.spent = 0;
        e.promising = false;
        return;
    }
    e.blocks.first = pool_[e.blocks.first].next;
    e.head = 0;
    e.oldest = front(e).tick;
}

std::uint32_t tracker::take_block(slot s) {
    const auto taken = oldest_block_;
    oldest_block_ = taken + 1 == pool_.size() ? 0 : taken + 1;
    block& b = pool_[taken];
    entry& before = slots_[b.owner];
    if (before.chained() && before.blocks.first == taken) drop_first_block(before);
    b.owner = s;
    __builtin_prefetch(&slots_[pool_[oldest_block_].owner], 1);
    return taken;
}

void tracker::append(slot s, const seen& one) {
    entry& e = slots_[s];
    if (e.count == 0) e.oldest = one.tick;
    if (!e.chained()) {
        if (e.count < e.few.size()) {
            e.few[e.count++] = one;
            return;
        }
        const auto few = e.few;
        const auto taken = take_block(s);
        std::ranges::copy(few, pool_[taken].syns.begin());
        e.blocks = {taken, taken, port_filter::all()};
        e.head = 0;
    }
    const auto at = (e.head + e.count) % per_block;
    if (at == 0) { // the last one is full
        const auto taken = take_block(s);
        if (e.chained()) {
            pool_[e.blocks.last].next = taken;
            e.blocks.last = taken;
        } else { // it was the address's own, its only one
            e.blocks = {taken, taken, port_filter::all()};
            e.head = 0;
            e.oldest = one.tick;
        }
    }
    pool_[e.blocks.last].syns[at] = one;
    ++e.count;
}

std::span<const seen> tracker::recall(slot s) const {
    const auto& e = slots_[s];
    if (!e.chained()) return std::span(e.few).first(e.count);
    if (e.head + e.count <= per_block) return std::span(pool_[e.blocks.first].syns).subspan(e.head, e.count);
    scratch_.clear();
    std::uint32_t at = e.head;
    std::size_t left = e.count;
    for (auto b = e.blocks.first; left != 0; b = pool_[b].next, at = 0) {
        const auto part = std::span(pool_[b].syns).subspan(at);
        const auto some = part.first(std::min(part.size(), left));
        scratch_.insert(scratch_.end(), some.begin(), some.end());
        left -= some.size();
    }
    return scratch_;
}

} // namespace chronoknock::method

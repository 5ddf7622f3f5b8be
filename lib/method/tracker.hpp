#pragma once

#include "base/address.hpp"
#include "base/hash.hpp"
#include "base/time.hpp"
#include "base/zero_pages.hpp"
#include "packet/event.hpp"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace chronoknock::method {

/// A SYN as the tracker remembers it, in 6 bytes.
struct seen {
    std::uint16_t port;
    std::uint16_t tick; ///< when: the tracker's ticks, modulo 65536
    std::uint16_t id;   ///< mixed from source port and TCP sequence number: a retransmission repeats it
};

/// Remembers the last ports that each of a fixed number of addresses knocked at. All memory is taken at
/// construction (of none for no addresses, when another one's is to be moved here), but most of it is touched
/// later: by populate(rings()), or by the SYNs themselves. The address that was quiet longest makes room for
/// a new one. No allocation, no timer and no clock per SYN.
class tracker {
public:
    struct settings {
        std::uint32_t addresses;
        std::uint32_t memory; ///< SYNs that count, for each address
        std::uint32_t slack;  ///< SYNs kept beyond them, so that looking at an address can wait that long
        nanoseconds timeout;  ///< SYNs older than this do not count
        bool operator==(const settings&) const = default;
    };
    using slot = std::uint32_t;

    tracker(const settings& s, const hash_seed& seed);

    /// Remembers a SYN that arrived at `now` (never earlier than the one before). Gives the address's slot.
    slot observe(const packet::event& syn, instant now);

    /// What is remembered of a slot, the oldest first; valid until the next call.
    std::span<const seen> recall(slot s) const;
    /// Forgets those SYNs of a slot whose port `drop` is true for.
    template <class Predicate>
    void forget(slot s, Predicate drop);

    const address& who(slot s) const { return slots_[s].who; }
    /// How many SYNs are remembered of it.
    std::uint32_t count(slot s) const { return slots_[s].count; }
    /// How many came since the last mark_looked_at().
    std::uint32_t fresh(slot s) const { return slots_[s].fresh; }
    void mark_looked_at(slot s) { slots_[s].fresh = 0; }
    /// What it waits for, a bit each, as the matcher will have it: nothing again when the slot goes to
    /// another address. A slot that waits for more than `soon` is not given away.
    static constexpr std::uint8_t soon = 1;
    std::uint8_t& waits(slot s) { return slots_[s].waits; }
    std::uint8_t waits(slot s) const { return slots_[s].waits; }
    /// What was derived for it as for a first knock, as far as 255; zero again when nothing is remembered of
    /// it.
    std::uint8_t& spent(slot s) { return slots_[s].spent; }
    std::uint8_t spent(slot s) const { return slots_[s].spent; }
    /// Whether it sent what can begin a knock; false again when nothing is remembered of it.
    bool& promising(slot s) { return slots_[s].promising; }
    /// What can begin a knock is something else from now on.
    void judge_anew() { ++judgement_; }
    /// True once after judge_anew() for a slot of which something was remembered before.
    bool take_outdated(slot s) { return std::exchange(slots_[s].judgement, judgement_) != judgement_; }

    std::uint16_t tick(instant t) const { return static_cast<std::uint16_t>(t.time_since_epoch() / unit_); }
    /// How long before `now` a SYN arrived, rounded up to whole ticks.
    nanoseconds age(const seen& s, instant now) const {
        return static_cast<std::uint16_t>(tick(now) - s.tick) * unit_;
    }
    std::uint16_t timeout_ticks() const { return timeout_ticks_; }
    std::uint32_t memory() const { return settings_.memory; }
    const settings& made_with() const { return settings_; }

    /// Bytes held, all of them from the start.
    std::size_t bytes() const;
    /// What of it was not touched at the start.
    std::span<const std::byte> rings() const { return ring_.memory(); }
    /// Addresses that were new to the table, ever.
    std::uint64_t newcomers() const { return newcomers_; }

private:
    static constexpr std::uint32_t none = ~0u;

    struct alignas(64) entry {
        address who;
        std::uint32_t next_in_bucket = none;
        std::uint32_t newer = none;
        std::uint32_t older = none;
        std::uint32_t bucket = none;
        std::uint16_t head = 0; ///< where the oldest SYN stands in the ring
        std::uint16_t count = 0;
        std::uint16_t fresh = 0;
        std::uint8_t waits = 0;
        std::uint8_t spent = 0;
        bool promising = false;
        bool in_ring = false; ///< else there is one SYN at most, and it is `only`
        seen only{};
        std::uint8_t judgement = 0; ///< the one that `promising` is by
        instant last{};
    };
    static_assert(sizeof(entry) == 64, "a stranger's SYN costs one cache line");

    std::uint32_t bucket_of(const address& a) const;
    slot find(const address& a, std::uint32_t bucket) const;
    slot replace_oldest(const address& a, std::uint32_t bucket);
    void make_newest(slot s);
    void unlink(slot s);
    seen& at(slot s, std::uint32_t index) {
        if (!slots_[s].in_ring) return slots_[s].only;
        return ring_[std::size_t{s} * capacity_ + (slots_[s].head + index) % capacity_];
    }
    const seen& at(slot s, std::uint32_t index) const { return const_cast<tracker*>(this)->at(s, index); }

    settings settings_;
    hash_seed seed_;
    std::uint32_t capacity_;
    nanoseconds unit_;
    std::uint16_t timeout_ticks_;
    zero_pages<entry> slots_;
    zero_pages<seen> ring_;
    zero_pages<std::uint32_t> buckets_;
    mutable std::vector<seen> scratch_;
    slot newest_ = none;
    slot oldest_ = none;
    std::uint64_t newcomers_ = 0;
    std::uint8_t judgement_ = 0;
};

template <class Predicate>
void tracker::forget(slot s, Predicate drop) {
    entry& e = slots_[s];
    std::uint16_t kept = 0;
    for (std::uint32_t i = 0; i < e.count; ++i)
        if (const seen one = at(s, i); !drop(one.port)) at(s, kept++) = one;
    e.count = kept;
}

} // namespace chronoknock::method

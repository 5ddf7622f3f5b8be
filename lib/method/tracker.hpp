#pragma once

#include "base/address.hpp"
#include "base/hash.hpp"
#include "base/time.hpp"
#include "base/zero_pages.hpp"
#include "method/address_index.hpp"
#include "packet/event.hpp"

#include <array>
#include <cstdint>
#include <memory>
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
/// construction (none for no addresses), but most of it is touched later: by populate(tables()), or by the
/// SYNs themselves. The address that was quiet longest makes room for a new one. No allocation, no timer and
/// no clock per SYN.
///
/// Most strangers send one SYN: an address's first three stand in its entry. Further ones stand in blocks of
/// nine from a pool that all addresses share: it is a circle, and a block that is taken is always the one
/// that was taken longest ago, so the oldest of whosever it was, who has lost what stood in it. So a history
/// is whole as long as
/// - fewer than `addresses` other addresses come between one of its SYNs and the next, and
/// - fewer than addresses + 4 * (blocks() - addresses) SYNs of others come from its first to its last: what
///   takes most is one SYN from each address of which three are known already, then four from each of ever
///   new ones. (Of an address that goes on, one SYN of nine takes a block.)
/// At 65,536 addresses, 98,304 blocks, 300,000 SYNs a second: 0.2 s from one to the next, 0.66 s in all.
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

    /// leader: one of as many addresses, or none. With one, an address has the place here that it has there,
    /// so that two methods that look at the same SYNs seek it once. It makes room when it does there, where
    /// it counts as heard of for the SYNs that are observed here too, but for those just after another of its
    /// own. A leader has one follower at a time.
    tracker(const settings& s, const hash_seed& seed, std::shared_ptr<tracker> leader = {});
    tracker(const tracker&) = delete;
    tracker& operator=(const tracker&) = delete;
    ~tracker() { let_go(); }

    /// What is to be remembered of a SYN.
    struct arrival {
        address who;
        std::uint16_t port;
        std::uint16_t id;   ///< seen::id
        std::uint32_t hash; ///< of `who`
    };
    /// Makes one of an event in place, and has the processor fetch where its address may be found: observing
    /// it is cheaper some packets later, after fetch() of it.
    void expect(const packet::event& syn, arrival& out) const;
    /// Has the processor fetch what is remembered of its address. (A follower's is fetched when its leader
    /// admits the address.)
    void fetch(const arrival& a) const;
    /// Remembers a SYN that arrived at `now` (never earlier than the one before). Gives the address's slot.
    slot observe(const arrival& a, instant now);
    slot observe(const packet::event& syn, instant now) {
        arrival a;
        expect(syn, a);
        return observe(a, now);
    }

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
    /// What it waits for, a bit each (seven of them), as the matcher will have it: nothing again when the
    /// slot goes to another address. A slot that waits for more than `soon` is not given away.
    static constexpr std::uint8_t soon = 1;
    std::uint8_t waits(slot s) const { return slots_[s].waits & static_cast<std::uint8_t>(~followed); }
    void begin_wait(slot s, std::uint8_t bits);
    void end_wait(slot s, std::uint8_t bits);
    /// Keeps no place of the leader's any more: no SYN comes after it.
    void let_go();
    /// What was derived for it as for a first knock, as far as 255; zero again when nothing is remembered of
    /// it.
    std::uint8_t& spent(slot s) { return slots_[s].spent; }
    std::uint8_t spent(slot s) const { return slots_[s].spent; }
    /// Whether it sent what can begin a knock; false again when nothing is remembered of it.
    bool& promising(slot s) { return slots_[s].promising; }
    /// Ports as a Bloom filter, one bit in each word: a port that is none of them is taken for one seldom (of
    /// ten, one in fifty).
    class port_filter {
    public:
        static constexpr port_filter all() { return {~0u, ~0u, ~0u}; }
        port_filter() = default; // {}: none
        constexpr void add(std::uint16_t port) {
            for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= bit(port, i);
        }
        constexpr bool may_have(std::uint16_t port) const {
            return (words_[0] & bit(port, 0)) != 0 && (words_[1] & bit(port, 1)) != 0 &&
                   (words_[2] & bit(port, 2)) != 0;
        }

    private:
        constexpr port_filter(std::uint32_t a, std::uint32_t b, std::uint32_t c) : words_{a, b, c} {}
        static constexpr std::uint32_t bit(std::uint16_t port, std::size_t word) {
            return 1u << (port * 0x9e3779b1u >> (27 - 5 * word) & 31);
        }
        std::array<std::uint32_t, 3> words_;
    };
    /// False if what it was looked at for cannot be complete before other ports than this one have come. Of
    /// whom three SYNs or fewer are remembered, each can be the one.
    bool awaits(slot s, std::uint16_t port) const { return awaited(s).may_have(port); }
    port_filter awaited(slot s) const {
        const entry& e = slots_[s];
        return e.chained() ? e.blocks.awaited : port_filter::all();
    }
    /// Says which these are; until then, and again when nothing was remembered of it, all.
    void await(slot s, port_filter ports) {
        if (slots_[s].chained()) slots_[s].blocks.awaited = ports;
    }
    /// What can begin a knock is something else from now on.
    void judge_anew() { ++judgement_; }
    /// True once after judge_anew() for a slot of which something was remembered before.
    bool take_outdated(slot s) { return std::exchange(slots_[s].judgement, judgement_) != judgement_; }

    std::uint16_t tick(instant t) const {
        if (t != ticked_at_) {
            ticked_at_ = t;
            tick_ = static_cast<std::uint16_t>(t.time_since_epoch() / unit_);
        }
        return tick_;
    }
    /// How long before `now` a SYN arrived, rounded up to whole ticks.
    nanoseconds age(const seen& s, instant now) const {
        return static_cast<std::uint16_t>(tick(now) - s.tick) * unit_;
    }
    std::uint16_t timeout_ticks() const { return timeout_ticks_; }
    std::uint32_t memory() const { return settings_.memory; }
    const settings& made_with() const { return settings_; }

    /// Bytes held, all of them from the start.
    std::size_t bytes() const;
    /// What of it was not touched at the start: for SYNs, and for where addresses are found.
    std::array<std::span<const std::byte>, 2> tables() const { return {pool_.memory(), index_.memory()}; }
    /// How many blocks the pool has.
    std::size_t blocks() const { return pool_.size(); }
    /// Addresses that were new to the table, ever.
    std::uint64_t newcomers() const { return newcomers_; }

private:
    static constexpr std::uint32_t none = address_index::none;
    static constexpr std::uint32_t per_block = 9;
    static constexpr std::uint32_t scouted = 8;
    static constexpr std::uint8_t followed =
        128; ///< of waits: that the follower's waits for more than `soon`

    /// SYNs of one address, one after another.
    struct alignas(64) block {
        std::array<seen, per_block> syns;
        std::uint32_t next; ///< of the same address; of its last one it says nothing
        slot owner;         ///< to whom it was given; his no more if he holds none, or only younger ones
    };
    static_assert(sizeof(block) == 64, "nine SYNs cost one cache line");

    /// An address's blocks. All but the first and the last are full.
    struct chain {
        std::uint32_t first;
        std::uint32_t last;
        port_filter awaited;
    };

    struct alignas(64) entry {
        address who;
        std::uint8_t head = unchained; ///< where its oldest SYN stands in its first block
        std::uint8_t waits = 0;
        std::uint8_t spent = 0;
        std::uint32_t newer = none;
        std::uint32_t older = none;
        std::uint16_t count = 0;
        std::uint16_t fresh = 0;
        union {
            std::array<seen, 3> few{}; ///< while it is not chained
            chain blocks;
        };
        bool promising = false;
        std::uint8_t judgement = 0; ///< the one that `promising` is by
        std::uint16_t oldest = 0;   ///< tick of the oldest SYN
        instant last{};

        static constexpr std::uint8_t unchained = 255;
        bool chained() const { return head != unchained; }
    };
    static_assert(sizeof(entry) == 64, "a stranger's SYN costs one cache line");

    std::uint32_t hash_of(const address& a) const;
    slot find(const arrival& a) const;
    slot admit(const arrival& a);
    slot admit_again(const arrival& a);
    slot replace_oldest(const arrival& a);
    void clear(slot s, const address& who);
    void hold(slot s);
    /// Where one of the addresses that were admitted last may stand.
    struct admission {
        slot at = 0;
        std::uint32_t number = 0; ///< of admissions, as far as this one
    };
    admission& recent(const arrival& a) { return recent_[a.hash % recent_.size()]; }
    void fetch_oldest(slot given);
    void make_newest(slot s);
    void unlink(slot s);

    seen& front(entry& e) { return e.chained() ? pool_[e.blocks.first].syns[e.head] : e.few.front(); }
    void drop_oldest(entry& e);
    void drop_first_block(entry& e);
    void append(slot s, const seen& one);
    std::uint32_t take_block(slot s);

    settings settings_;
    hash_seed seed_;
    std::shared_ptr<tracker> leader_;
    const entry* follower_ = nullptr; ///< its slots, to be fetched alone: they may be gone
    std::uint32_t holding_ = 0;       ///< how many slots of the leader's it keeps from being given away
    static constexpr std::uint32_t just_now = 32;
    std::array<admission, 256> recent_{}; ///< by hash
    std::uint32_t admitted_ = just_now;   ///< so that nobody was at first
    std::uint32_t capacity_;
    nanoseconds unit_;
    std::uint16_t timeout_ticks_;
    zero_pages<entry> slots_;
    zero_pages<block> pool_;
    address_index index_;
    std::uint32_t oldest_block_ = 0; ///< the one that was taken longest ago
    mutable std::vector<seen> scratch_;
    mutable instant ticked_at_{}; ///< the last that tick() was asked for: many SYNs are of one moment
    mutable std::uint16_t tick_ = 0;
    slot newest_ = none;
    slot oldest_ = none;
    slot scout_ = none; ///< the newest that was fetched of those that go soon
    std::uint64_t newcomers_ = 0;
    std::uint8_t judgement_ = 0;
};

template <class Predicate>
void tracker::forget(slot s, Predicate drop) {
    entry& e = slots_[s];
    const auto all = recall(s); // stands where it is written to, or is a copy
    std::uint16_t kept = 0;
    if (!e.chained()) {
        for (const seen one : all)
            if (!drop(one.port)) e.few[kept++] = one;
    } else {
        e.blocks.last = e.blocks.first;
        std::uint32_t at = e.head;
        for (const seen one : all) {
            if (drop(one.port)) continue;
            if (at == per_block) {
                e.blocks.last = pool_[e.blocks.last].next;
                at = 0;
            }
            pool_[e.blocks.last].syns[at++] = one;
            ++kept;
        }
    }
    e.count = kept;
    if (kept == 0)
        e.head = entry::unchained;
    else
        e.oldest = front(e).tick;
}

} // namespace chronoknock::method

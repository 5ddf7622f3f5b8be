#pragma once

#include "base/zero_pages.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace chronoknock::method {

/// Where addresses stand in a table, by their hashes: a fixed number of slots, in buckets of one cache line
/// each. A slot whose bucket is full stands in one of the next, and those it was passed over by count it, so
/// that whoever looks for it goes on there, and nothing moves when another is taken out.
class address_index {
public:
    using slot = std::uint32_t;
    static constexpr slot none = ~0u;

    /// slots: how many there may be at once.
    explicit address_index(std::size_t slots) : buckets_(buckets_for(slots)) {}

    std::span<const std::byte> memory() const { return buckets_.memory(); }

    /// Has the processor fetch what find() of that hash looks at first.
    void fetch(std::uint32_t hash) const { __builtin_prefetch(&buckets_[home(hash)], 1); }

    /// The slot for which is_it(slot) says so, of those that were entered with this hash and some others; or
    /// none.
    template <class Predicate>
    slot find(std::uint32_t hash, Predicate is_it) const {
        auto at = home(hash);
        for (std::size_t left = buckets_.size(); left != 0; --left, at = next(at)) {
            const bucket& b = buckets_[at];
            for (auto lanes = b.lanes_with(tag_of(hash)); lanes != 0; lanes &= lanes - 1)
                if (const auto s = b.slots[static_cast<std::size_t>(std::countr_zero(lanes))]; is_it(s))
                    return s;
            if (b.passed_over == 0) return none;
        }
        return none;
    }

    void enter(std::uint32_t hash, slot s) {
        auto at = home(hash);
        for (;; at = next(at)) {
            bucket& b = buckets_[at];
            if (const auto lanes = b.lanes_with(free)) {
                const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
                b.tags[lane] = tag_of(hash);
                b.slots[lane] = s;
                return;
            }
            ++b.passed_over;
        }
    }

    /// One that was entered with this hash.
    void remove(std::uint32_t hash, slot s) {
        auto at = home(hash);
        for (;; at = next(at)) {
            bucket& b = buckets_[at];
            for (auto lanes = b.lanes_with(tag_of(hash)); lanes != 0; lanes &= lanes - 1) {
                const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
                if (b.slots[lane] == s) return static_cast<void>(b.tags[lane] = free);
            }
            --b.passed_over;
        }
    }

private:
    static constexpr std::uint8_t free = 0;

    struct alignas(64) bucket {
        std::array<std::uint8_t, 12> tags; ///< eight bits of the hash, none of them `free`
        std::uint32_t passed_over;         ///< how many stand in later buckets since this one was full
        std::array<slot, 12> slots;

        /// A bit for each.
        std::uint32_t lanes_with(std::uint8_t tag) const {
            constexpr std::uint32_t all = 0xfff;
#ifdef __SSE2__
            const auto line = _mm_load_si128(reinterpret_cast<const __m128i*>(tags.data()));
            const auto same = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag)));
            return static_cast<std::uint32_t>(_mm_movemask_epi8(same)) & all;
#else
            std::uint32_t lanes = 0;
            for (std::size_t i = 0; i < tags.size(); ++i) lanes |= std::uint32_t{tags[i] == tag} << i;
            return lanes & all;
#endif
        }
    };
    static_assert(sizeof(bucket) == 64);

    // Two thirds full at the most.
    static std::size_t buckets_for(std::size_t slots) {
        return slots == 0 ? 0 : std::bit_ceil((slots + 7) / 8);
    }
    static std::uint8_t tag_of(std::uint32_t hash) {
        const auto tag = static_cast<std::uint8_t>(hash >> 24);
        return tag == free ? 1 : tag;
    }
    std::size_t home(std::uint32_t hash) const { return hash & (buckets_.size() - 1); }
    std::size_t next(std::size_t at) const { return (at + 1) & (buckets_.size() - 1); }

    zero_pages<bucket> buckets_;
};

} // namespace chronoknock::method

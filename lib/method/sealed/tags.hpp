#pragma once

#include "base/hash.hpp"
#include "config/server.hpp"
#include "method/sealed/key.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <span>
#include <vector>

namespace chronoknock::sealed {

/// The server's keys with the tags of their live windows, in a table: so the few keys that a message can
/// belong to are found without deriving anything for each.
class tags {
public:
    /// keys: those of this method, indices into server.keys.
    tags(const config::server& server, std::span<const std::uint32_t> keys, const hash_seed& seed);

    /// Brings the live windows up to t: those whose messages are acceptable for an arrival within the knocks'
    /// timeout before t, the error being max_error at most, and the next ones a little ahead. Renews at most
    /// so many keys; false if some are left to do. After a step of t, either way, call it as always.
    bool advance(unix_time t, std::size_t keys);

    /// A live window of a key, in the list of those with the same tag.
    struct live {
        std::uint32_t tag;
        std::uint32_t held; ///< its key
        std::uint32_t next; ///< or `none`
        std::int64_t t0;
    };
    static constexpr std::uint32_t none = ~0u;
    std::uint32_t first_with(std::uint32_t tag) const {
        const auto found = by_tag_.find(tag);
        return found == by_tag_.end() ? none : found->second;
    }
    const live& at(std::uint32_t index) const { return nodes_[index]; }
    std::size_t live_count() const { return nodes_.size() - free_.size(); }

    struct held_key {
        std::uint32_t key;    ///< index into server.keys
        const credential* of; ///< of the configuration; its secret may be wiped
        sealed::sealer sealer;
        std::uint32_t layout = none; ///< index; none: it does not use the carrier ports
        std::int64_t first = 0;      ///< live windows; none if last < first
        std::int64_t last = -1;
        std::vector<std::uint32_t> nodes{}; ///< one for each of them, in order
    };
    held_key& held(std::uint32_t index) { return held_[index]; }
    const held_key& held(std::uint32_t index) const { return held_[index]; }
    std::span<const held_key> all_held() const { return held_; }

    /// How messages may come as ports: each layout once, with the live tags of its keys.
    struct one_layout {
        sealed::layout as;
        std::multiset<std::uint32_t> tags{};
    };
    std::span<const one_layout> layouts() const { return layouts_; }

private:
    struct tag_hash {
        using is_avalanching = void;
        std::uint64_t factor = 1;
        std::uint64_t summand = 0;
        std::size_t operator()(std::uint32_t tag) const { return fold(tag ^ summand, factor); }
    };
    struct due {
        unix_time when;
        std::uint32_t held;
        bool operator>(const due& o) const { return when > o.when; }
    };

    unix_time renew(std::uint32_t h, unix_time t);
    std::uint32_t add(std::uint32_t h, std::int64_t t0);
    void remove(std::uint32_t node);

    const config::server& server_;
    std::vector<held_key> held_;
    std::vector<one_layout> layouts_;
    std::vector<live> nodes_;
    std::vector<std::uint32_t> free_;
    boost::unordered_flat_map<std::uint32_t, std::uint32_t, tag_hash> by_tag_;
    std::priority_queue<due, std::vector<due>, std::greater<>> schedule_;
    unix_time latest_{}; ///< t at its most since it was stepped back
};

} // namespace chronoknock::sealed

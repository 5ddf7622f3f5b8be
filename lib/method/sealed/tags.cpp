#include "method/sealed/tags.hpp"

#include "key/deriver.hpp"

#include <algorithm>

namespace chronoknock::sealed {

namespace {

// As for the selectors of sequences: how long before it can be needed a tag is derived, and what the clock
// may go back by without old windows being wanted again.
constexpr nanoseconds ahead = seconds(2);
constexpr nanoseconds back = seconds(1);

} // namespace

tags::tags(const config::server& server, std::span<const std::uint32_t> keys, const hash_seed& seed)
    : server_(server), by_tag_(0, tag_hash{seed[0] | 1, seed[1]}) {
    held_.reserve(keys.size());
    std::size_t most_nodes = 0;
    const auto span = 2 * server.time.max_error + server.knock.timeout + back + ahead;
    std::map<layout, std::uint32_t> known;
    for (const auto index : keys) {
        const auto& k = credential_of(server.keys[index]);
        held_key h{index, &k, sealer(k.psk())};
        if (k.uses(key::carrier::ports)) {
            const auto [found, is_new] =
                known.try_emplace(k.settings().layout, static_cast<std::uint32_t>(layouts_.size()));
            if (is_new) layouts_.push_back({k.settings().layout});
            h.layout = found->second;
        }
        schedule_.push({unix_time::min(), static_cast<std::uint32_t>(held_.size())});
        held_.push_back(std::move(h));
        most_nodes += static_cast<std::size_t>(span / seconds(k.granularity())) + 4;
    }
    nodes_.reserve(most_nodes); // to grow with many keys would hold up a batch
    by_tag_.reserve(most_nodes);
}

bool tags::advance(unix_time t, std::size_t keys) {
    if (t < latest_ - back) {
        schedule_ = {};
        for (std::uint32_t h = 0; h < held_.size(); ++h) schedule_.push({unix_time::min(), h});
        latest_ = t;
    }
    latest_ = std::max(latest_, t);
    for (; !schedule_.empty() && schedule_.top().when <= t; --keys) {
        if (keys == 0) return false;
        const auto h = schedule_.top().held;
        schedule_.pop();
        schedule_.push({renew(h, t), h});
    }
    return true;
}

/// A message says its second, which may be any of its window's: it is good until 2g after that, and so the
/// window's tag is wanted until 3g after its beginning.
unix_time tags::renew(std::uint32_t h, unix_time t) {
    auto& k = held_[h];
    const std::int64_t g = k.of->granularity();
    const auto before = server_.time.max_error + server_.knock.timeout + back;
    const auto after = server_.time.max_error + ahead;
    const auto first = key::window_of(to_seconds(t - before), g) - 2 * g;
    const auto last = key::window_of(to_seconds(t + after), g);

    std::vector<std::uint32_t> nodes;
    for (const auto node : k.nodes)
        if (nodes_[node].t0 < first || nodes_[node].t0 > last) remove(node);
    for (auto t0 = first; t0 <= last; t0 += g)
        nodes.push_back(k.first <= t0 && t0 <= k.last ? k.nodes[static_cast<std::size_t>((t0 - k.first) / g)]
                                                      : add(h, t0));
    k.nodes = std::move(nodes);
    k.first = first;
    k.last = last;
    const unix_time newer{seconds(last + g)};
    const unix_time older{seconds(first + 3 * g)};
    return std::min(newer - after, older + before);
}

std::uint32_t tags::add(std::uint32_t h, std::int64_t t0) {
    auto node = static_cast<std::uint32_t>(nodes_.size());
    if (free_.empty()) {
        nodes_.emplace_back();
    } else {
        node = free_.back();
        free_.pop_back();
    }
    auto& k = held_[h];
    const auto tag = k.sealer.tag(t0);
    const auto [first, is_new] = by_tag_.try_emplace(tag, none);
    nodes_[node] = {tag, h, first->second, t0};
    first->second = node;
    if (k.layout != none) layouts_[k.layout].tags.insert(tag);
    return node;
}

void tags::remove(std::uint32_t node) {
    const auto& gone = nodes_[node];
    const auto first = by_tag_.find(gone.tag);
    auto* link = &first->second;
    while (*link != node) link = &nodes_[*link].next;
    *link = gone.next;
    if (first->second == none) by_tag_.erase(first);
    if (const auto in = held_[gone.held].layout; in != none) {
        auto& all = layouts_[in].tags;
        all.erase(all.find(gone.tag));
    }
    free_.push_back(node);
}

} // namespace chronoknock::sealed

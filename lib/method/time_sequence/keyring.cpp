#include "method/time_sequence/keyring.hpp"

#include "grant/windows.hpp"
#include "method/time_sequence/budget.hpp"
#include "method/time_sequence/credential.hpp"

#include <algorithm>
#include <numeric>

namespace chronoknock::time_sequence {

namespace {

// How long before it can be needed a window is derived: time enough to spread the work of many keys.
constexpr nanoseconds ahead = seconds(2);
// What the clock may go back by, as each correction of it can, without old windows being wanted again.
constexpr nanoseconds back = seconds(1);
constexpr auto never = unix_time::max();

} // namespace

distinct_ports distinct_of(std::uint32_t n, std::size_t ports) {
    // The chance of each number of different ports, after one draw, two, ... n.
    std::vector<double> chance(n + 1, 0.0);
    chance[0] = 1;
    const auto pool = static_cast<double>(ports);
    for (std::uint32_t drawn = 1; drawn <= n; ++drawn)
        for (auto d = drawn; d != ~0u; --d)
            chance[d] = chance[d] * d / pool + (d == 0 ? 0 : chance[d - 1] * (pool - d + 1) / pool);
    const auto reach = [&](double doubt) {
        std::uint8_t d = 1;
        for (double fewer = chance[1]; d < n && fewer < doubt; fewer += chance[d]) ++d;
        return d;
    };
    return {reach(1e-18), reach(0.01)};
}

const sequence_kind& knocks() {
    static const sequence_kind kind{packet::kind::syn, {}, &psk_of};
    return kind;
}

keyring::keyring(const config::server& server, std::span<const std::uint32_t> keys, const sequence_kind& kind)
    : server_(server), by_port_(65536, none), expected_(65537, 0.0f) {
    held_.reserve(keys.size());
    std::size_t most_nodes = 0;
    std::vector<port_range> pools;
    for (const auto index : keys) {
        const auto& settings = server.keys[index];
        const auto& k = kind.psk_of(settings);
        const auto* const before = held_.empty() ? nullptr : &held_.back();
        const bool same_pool = before && k.ports == before->psk->ports;
        one_pool_ &= same_pool || !before;
        if (!same_pool) pools.insert(pools.end(), k.ports.ranges().begin(), k.ports.ranges().end());
        const bool same_draw = same_pool && k.length == before->psk->length;
        const auto distinct = same_draw ? before->distinct : distinct_of(k.length, k.ports.size());
        const auto held = static_cast<std::uint32_t>(held_.size());
        held_.push_back({&k, settings.mode, key::deriver(k, kind.purpose), distinct});
        least_syns_ = std::min<std::uint32_t>(least_syns_, distinct.least);
        sequences_.push_back({{index, sequence_id::all_services}, held, 0, -1, {}});
        if (!k.hmac) {
            plain_.push_back(static_cast<std::uint32_t>(sequences_.size() - 1));
            continue;
        }
        const auto each = static_cast<float>(
            live_sequences(k, settings.services.size(), server.time.max_error) / k.ports.size());
        for (const auto range : k.ports.ranges()) {
            expected_[range.first] += each;
            expected_[range.last + 1u] -= each;
        }
        for (const auto service : settings.services)
            sequences_.push_back({{index, static_cast<std::uint32_t>(service)}, held, 0, -1, {}});
        const auto span = 2 * server.time.max_error + server.knock.timeout + back + ahead;
        most_nodes += (settings.services.size() + 1) *
                      (k.ignore_time ? 1 : static_cast<std::size_t>(span / seconds(k.granularity)) + 3);
    }
    pool_ = port_table(port_set(std::move(pools)));
    // So far where it rises and falls.
    std::partial_sum(expected_.begin(), expected_.end(), expected_.begin());
    if (one_pool_ && !pool_.empty()) { // the same for each: a quarter of a megabyte less
        const float any = *std::ranges::max_element(expected_);
        expected_ = std::vector<float>(1, any);
    }
    for (std::uint32_t l = 0; l < sequences_.size(); ++l) schedule_.push({unix_time::min(), l});
    nodes_.reserve(most_nodes); // to grow with many keys would hold up a batch
}

double keyring::expected_selectors(std::span<const std::uint16_t> ports) const {
    if (one_pool_) return static_cast<double>(ports.size()) * std::max(0.0f, expected_.front());
    double sum = 0;
    for (const auto port : ports) sum += std::max(0.0f, expected_[port]);
    return sum;
}

bool keyring::advance(unix_time t, std::size_t sequences) {
    if (t < latest_ - back) {
        schedule_ = {};
        for (std::uint32_t l = 0; l < sequences_.size(); ++l) schedule_.push({unix_time::min(), l});
        latest_ = t;
    }
    latest_ = std::max(latest_, t);
    for (; !schedule_.empty() && schedule_.top().when <= t; --sequences) {
        if (sequences == 0) return false;
        const auto l = schedule_.top().sequence;
        schedule_.pop();
        if (const auto next = renew(l, t); next != never) schedule_.push({next, l});
    }
    return true;
}

unix_time keyring::renew(std::uint32_t l, unix_time t) {
    auto& s = sequences_[l];
    const auto& k = psk(l);
    const std::int64_t g = k.granularity;
    const auto before = server_.time.max_error + server_.knock.timeout + back;
    const auto after = server_.time.max_error + ahead;
    const auto want =
        k.ignore_time ? granting::window_range{0, 0} : granting::acceptable_windows(t - before, t + after, g);

    if (k.hmac) {
        std::vector<std::uint32_t> nodes;
        for (const auto node : s.nodes)
            if (nodes_[node].t0 < want.first || nodes_[node].t0 > want.last) remove(node);
        for (auto t0 = want.first; t0 <= want.last; t0 += g)
            nodes.push_back(s.first <= t0 && t0 <= s.last
                                ? s.nodes[static_cast<std::size_t>((t0 - s.first) / g)]
                                : add(l, t0));
        s.nodes = std::move(nodes);
    }
    s.first = want.first;
    s.last = want.last;
    if (k.ignore_time) return never;
    const unix_time newer{seconds(want.last + g)};
    const unix_time older{seconds(want.first + 2 * g)};
    return std::min(newer - after, older + before);
}

std::uint32_t keyring::add(std::uint32_t l, std::int64_t t0) {
    std::uint32_t node = static_cast<std::uint32_t>(nodes_.size());
    if (free_.empty()) {
        nodes_.emplace_back();
    } else {
        node = free_.back();
        free_.pop_back();
    }
    auto& held = held_[sequences_[l].held];
    const auto port = held.deriver.selector(t0, service_name(sequences_[l].id));
    nodes_[node] = {l,    by_port_[port], t0,
                    port, held.distinct,  held.psk->ignore_time ? 0 : held.psk->granularity};
    by_port_[port] = node;
    selectors_.set(port);
    return node;
}

void keyring::remove(std::uint32_t node) {
    auto* link = &by_port_[nodes_[node].port];
    while (*link != node) link = &nodes_[*link].next;
    *link = nodes_[node].next;
    selectors_[nodes_[node].port] = by_port_[nodes_[node].port] != none;
    free_.push_back(node);
}

std::string_view keyring::service_name(sequence_id id) const {
    return id.service == sequence_id::all_services ? std::string_view{} : server_.services[id.service].name;
}

void keyring::sequence(std::uint32_t l, const address& who, std::int64_t t0, std::span<std::uint16_t> out) {
    held_[sequences_[l].held].deriver.sequence(who, t0, service_name(sequences_[l].id), out);
}

} // namespace chronoknock::time_sequence

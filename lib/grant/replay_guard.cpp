#include "grant/replay_guard.hpp"

#include "grant/windows.hpp"

#include <algorithm>

namespace chronoknock::granting {

namespace {
constexpr nanoseconds month = std::chrono::hours(30 * 24);
// A client sends its rounds within this; what repeats a knock so soon is no news for the log.
constexpr nanoseconds rounds_take = seconds(1);
// A round of a knock that failed may have waited as long for the store.
constexpr nanoseconds retry_within = seconds(5);
} // namespace

std::string_view to_string(judgement j) {
    switch (j) {
    case judgement::accepted:
        return "accepted";
    case judgement::repeated:
        return "a later round of an accepted knock";
    case judgement::replayed:
        return "a replay";
    case judgement::outside_window:
        return "outside its window: the clocks disagree, or it was held back";
    case judgement::too_old:
        return "older than the newest accepted knock of its key allows";
    case judgement::before_state:
        return "its window began before this server's record of burnt knocks does";
    case judgement::too_soon:
        return "within the knock_delay of its key";
    case judgement::too_many:
        return "too many knocks of its key";
    }
    return "";
}

replay_guard::replay_guard(const std::vector<burnt>& known, unix_time floor) : floor_(floor) {
    for (const auto& b : known) remember(b);
}

void replay_guard::remember(const burnt& b) {
    auto& key = keys_[b.key];
    key.newest = std::max(key.newest, b.t0);
    key.burnt.insert_or_assign({b.t0, b.service, b.who}, fate{b.accepted});
    const auto later = [&b](unix_time& last) { last = std::max(last, b.accepted); };
    later(key.last.try_emplace(b.who, b.accepted).first->second);
    if (b.who) later(addresses_.try_emplace(*b.who, b.accepted).first->second);
}

judgement replay_guard::judge(const knock& k) {
    auto& key = keys_[k.what.key];
    key.granularity = k.granularity;
    key.ignore_time = k.ignore_time;
    key.delay = k.delay;
    const auto known = key.burnt.find({k.what.t0, k.what.service, k.what.who});
    const bool burnt = known != key.burnt.end();
    const auto since = burnt ? std::chrono::abs(k.what.accepted - known->second.accepted) : nanoseconds(0);
    const bool again = burnt && known->second.failed && since < retry_within;
    if (burnt && !again && since < rounds_take) return judgement::repeated;
    if (!k.ignore_time) {
        if (burnt && !again) return judgement::replayed;
        if (k.what.t0 < key.newest - k.granularity) return judgement::too_old;
        if (!acceptable(k.what.t0, k.granularity, k.arrival)) return judgement::outside_window;
        if (unix_time{seconds(k.what.t0)} < floor_) return judgement::before_state;
    }
    // A clock that went back by more than the delay must not lock the owner out for as long again.
    if (const auto last = key.last.find(k.what.who);
        !again && last != key.last.end() && std::chrono::abs(k.what.accepted - last->second) < k.delay)
        return judgement::too_soon;
    if (again) { // it keeps its place, and the time until when it may be tried
        known->second.failed = false;
        return judgement::accepted;
    }
    if (!has_room(k, key)) return judgement::too_many;
    remember(k.what);
    return judgement::accepted;
}

void replay_guard::failed(const burnt& b) {
    auto& all = keys_[b.key].burnt;
    if (const auto known = all.find({b.t0, b.service, b.who}); known != all.end())
        known->second.failed = true;
}

bool replay_guard::refuses(const per_key& key, std::int64_t t0) {
    return !key.ignore_time && t0 >= key.newest - key.granularity;
}

/// Counts a knock to be accepted; makes room for it if need be.
bool replay_guard::has_room(const knock& k, per_key& key) {
    // A sequence that never changes has no window: its count is for each granularity of the clock's time.
    const auto window = k.ignore_time ? to_seconds(k.what.accepted) / k.granularity : k.what.t0;
    const auto oldest = k.ignore_time ? window : std::max(key.newest, window) - k.granularity;
    std::erase_if(key.accepted_in, [&](const auto& w) { return w.first < oldest; });
    auto& accepted = key.accepted_in[window];
    if (accepted >= most_in_window) return false;
    if (key.burnt.size() >= most_of_key && !key.burnt.contains({k.what.t0, k.what.service, k.what.who})) {
        const auto first = key.burnt.begin();
        const auto& [t0, service, who] = first->first;
        if (refuses(key, t0) || std::chrono::abs(k.what.accepted - first->second.accepted) < k.delay)
            return false;
        displaced_.push_back({k.what.key, service, who, t0, first->second.accepted});
        const auto forget_last = [&](auto& map, const auto& at) {
            const auto it = map.find(at);
            if (it != map.end() && it->second == first->second.accepted) map.erase(it);
        };
        forget_last(key.last, who);
        if (who) forget_last(addresses_, *who);
        key.burnt.erase(first);
    }
    ++accepted;
    return true;
}

std::vector<burnt> replay_guard::prune(unix_time now) {
    std::vector<burnt> forgotten;
    for (auto& [name, key] : keys_) {
        for (auto it = key.burnt.begin(); it != key.burnt.end();) {
            const auto& [t0, service, who] = it->first;
            // Of a key that did not knock since the start it is not known what is needed.
            const auto accepted = it->second.accepted;
            const bool needed = key.granularity == 0 || refuses(key, t0) || accepted + key.delay > now ||
                                accepted + month > now;
            if (needed) {
                ++it;
                continue;
            }
            forgotten.push_back({name, service, who, t0, accepted});
            it = key.burnt.erase(it);
        }
        std::erase_if(key.last, [&](const auto& l) { return l.second + std::max(key.delay, month) <= now; });
    }
    std::erase_if(addresses_, [&](const auto& a) { return a.second + month <= now; });
    return forgotten;
}

std::size_t replay_guard::size() const {
    std::size_t n = 0;
    for (const auto& [name, key] : keys_) n += key.burnt.size();
    return n;
}

} // namespace chronoknock::granting

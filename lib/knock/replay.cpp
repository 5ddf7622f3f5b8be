#include "knock/replay.hpp"

#include "knock/windows.hpp"

#include <algorithm>

namespace chronoknock::knock {

namespace {
constexpr nanoseconds month = std::chrono::hours(30 * 24);
// A client sends its rounds within this; what repeats a knock so soon is no news for the log.
constexpr nanoseconds rounds_take = seconds(1);
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
    }
    return "";
}

replay_guard::replay_guard(const std::vector<burnt>& known, unix_time floor) : floor_(floor) {
    for (const auto& b : known) remember(b);
}

void replay_guard::remember(const burnt& b) {
    auto& key = keys_[b.key];
    key.newest = std::max(key.newest, b.t0);
    key.burnt.insert_or_assign({b.t0, b.service, b.who}, b.accepted);
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
    if (burnt && std::chrono::abs(k.what.accepted - known->second) < rounds_take) return judgement::repeated;
    if (!k.ignore_time) {
        if (burnt) return judgement::replayed;
        if (k.what.t0 < key.newest - k.granularity) return judgement::too_old;
        if (!acceptable(k.what.t0, k.granularity, k.arrival)) return judgement::outside_window;
        if (unix_time{seconds(k.what.t0)} < floor_) return judgement::before_state;
    }
    // A clock that went back by more than the delay must not lock the owner out for as long again.
    if (const auto last = key.last.find(k.what.who);
        last != key.last.end() && std::chrono::abs(k.what.accepted - last->second) < k.delay)
        return judgement::too_soon;
    remember(k.what);
    return judgement::accepted;
}

std::vector<burnt> replay_guard::prune(unix_time now) {
    std::vector<burnt> forgotten;
    for (auto& [name, key] : keys_) {
        for (auto it = key.burnt.begin(); it != key.burnt.end();) {
            const auto& [t0, service, who] = it->first;
            // Of a key that did not knock since the start it is not known what is needed.
            const bool refuses =
                key.granularity == 0 || (!key.ignore_time && t0 >= key.newest - key.granularity);
            const bool needed = refuses || it->second + key.delay > now || it->second + month > now;
            if (needed) {
                ++it;
                continue;
            }
            forgotten.push_back({name, service, who, t0, it->second});
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

} // namespace chronoknock::knock

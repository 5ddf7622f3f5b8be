#include "grant/replay_guard.hpp"

#include "grant/windows.hpp"

#include <algorithm>

namespace chronoknock::granting {

namespace {

constexpr nanoseconds month = std::chrono::hours(30 * 24);
// A client sends its rounds within this; what repeats a knock so soon is no news for the log.
constexpr nanoseconds rounds_take = seconds(1);
// From when a knock was first accepted until when a copy of it may be tried again, should it fail: longer
// than the store tries. Later, a copy is an eavesdropper's.
constexpr nanoseconds retry_within = seconds(5);

/// The clock may have gone back meanwhile.
nanoseconds between(unix_time a, unix_time b) { return std::chrono::abs(a - b); }

template <class Time>
void later(std::optional<Time>& last, Time t) {
    last = last ? std::max(*last, t) : t;
}

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
    case judgement::too_far_ahead:
        return "further ahead of the newest accepted knock of its key than it may be";
    case judgement::before_state:
        return "its window began before this server's record of burnt knocks does";
    case judgement::unrecorded:
        return "this server has no record of the last one, and its key was not issued since, or not within "
               "a day: a new one must be";
    case judgement::too_soon:
    case judgement::used_up:
        return "within the knock_delay of its key";
    case judgement::too_many:
        return "too many knocks of its key";
    }
    return "";
}

replay_guard::replay_guard(const std::vector<burnt>& known, unix_time floor, std::optional<unix_time> lacking)
    : floor_(floor), lacking_(lacking) {
    for (const auto& b : known) {
        auto& key = keys_[b.key];
        later(key.newest, b.place);
        later(key.newest_opened, b.place);
        key.burnt.insert_or_assign({b.place, b.identity}, fate{state::opened, b.who, b.accepted, b.accepted});
        later(key.last[b.who].opened, b.accepted);
        if (!b.who) continue;
        auto& last = addresses_.try_emplace(*b.who, b.accepted).first->second;
        last = std::max(last, b.accepted);
    }
}

judgement replay_guard::judge(const attempt& a) {
    auto& key = keys_[a.once.key];
    key.by = {a.once.slack, a.once.reusable, a.delay};
    const auto known = key.burnt.find({a.once.place, a.once.identity});
    bool again = false;
    if (known != key.burnt.end()) {
        const auto& f = known->second;
        if (f.is == state::reserved) return judgement::repeated;
        if (f.is == state::opened && between(a.now, f.accepted) < rounds_take) return judgement::repeated;
        again = f.is == state::failed && between(a.now, f.first) < retry_within;
        if (!again && !a.once.reusable) return judgement::replayed;
    }
    if (!a.once.reusable && !is_recent_enough(key, a.once.place)) return judgement::too_old;
    if (a.once.ahead > 0 && a.once.place > key.newest.value_or(-1) + a.once.ahead)
        return judgement::too_far_ahead;
    if (a.once.good) {
        if (!acceptable(a.once.good->begin, a.once.good->end, a.arrival)) return judgement::outside_window;
        if (a.once.good->begin < floor_) return judgement::before_state;
    }
    if (is_unrecorded(key, a)) return judgement::unrecorded;
    if (too_soon(key, a)) {
        // It counts by address: from another one a copy would not come too soon.
        if (a.bound || a.once.reusable || !make_room(a, key)) return judgement::too_soon;
        reserve(a, key);
        return judgement::used_up;
    }
    if (!make_room(a, key)) return judgement::too_many;
    reserve(a, key);
    return judgement::accepted;
}

/// What was burnt before the record was found lacking may not have been the newest.
bool replay_guard::is_unrecorded(const per_key& key, const attempt& a) const {
    if (!a.once.unrecorded) return false;
    if (const auto last = newest(key); last && (!lacking_ || last->second.accepted >= *lacking_))
        return false;
    const auto& good = *a.once.unrecorded;
    if (lacking_ && good.begin < *lacking_) return true;
    // Without an end the clock plays no part.
    return good.end != unix_time::max() && !acceptable(good.begin, good.end, a.arrival);
}

bool replay_guard::too_soon(const per_key& key, const attempt& a) const {
    // A clock that went back by more than the delay must not lock the owner out for as long again.
    const auto within = [&](const std::optional<unix_time>& t) { return t && between(a.now, *t) < a.delay; };
    for (const auto& who : {std::optional(a.beneficiary), std::optional<address>()})
        if (const auto last = key.last.find(who);
            last != key.last.end() && (within(last->second.opened) || within(last->second.reserved)))
            return true;
    return false;
}

void replay_guard::reserve(const attempt& a, per_key& key) {
    later(key.newest, a.once.place);
    const auto [f, is_new] = key.burnt.try_emplace({a.once.place, a.once.identity});
    // A retry does not prolong the time until when it may be tried again.
    if (is_new || f->second.is != state::failed || between(a.now, f->second.first) >= retry_within)
        f->second.first = a.now;
    f->second.is = state::reserved;
    f->second.who = a.beneficiary;
    f->second.accepted = a.now;
    key.last[a.beneficiary].reserved = a.now;
}

/// The newest one that opened, if one did.
std::optional<std::pair<replay_guard::spot, replay_guard::fate>> replay_guard::newest(const per_key& key) {
    if (!key.newest_opened) return {};
    for (auto it = key.burnt.lower_bound({*key.newest_opened, {}});
         it != key.burnt.end() && it->first.first == *key.newest_opened; ++it)
        if (it->second.is == state::opened) return *it;
    return {};
}

std::optional<burnt> replay_guard::newest(const std::string& key) const {
    const auto of = keys_.find(key);
    const auto found = of == keys_.end() ? std::nullopt : newest(of->second);
    if (!found) return {};
    const auto& [where, f] = *found;
    return burnt{key, where.first, where.second, f.who, f.accepted};
}

bool replay_guard::is_burnt(const std::string& key, std::int64_t place, const std::string& identity) const {
    const auto of = keys_.find(key);
    if (of == keys_.end()) return false;
    const auto known = of->second.burnt.find({place, identity});
    return known != of->second.burnt.end() && known->second.is != state::failed;
}

/// What is on its way; null if that is not.
replay_guard::fate* replay_guard::reserved(per_key& key, const burnt& b) {
    const auto known = key.burnt.find({b.place, b.identity});
    return known != key.burnt.end() && known->second.is == state::reserved ? &known->second : nullptr;
}

bool replay_guard::is_reserved(const std::string& key, std::int64_t place,
                               const std::string& identity) const {
    const auto of = keys_.find(key);
    if (of == keys_.end()) return false;
    const auto known = of->second.burnt.find({place, identity});
    return known != of->second.burnt.end() && known->second.is == state::reserved;
}

void replay_guard::opened(const burnt& b) {
    auto& key = keys_[b.key];
    auto* const found = reserved(key, b);
    if (!found) return;
    auto& f = *found;
    f.is = state::opened;
    later(key.newest_opened, b.place);
    auto& last = key.last[f.who];
    if (last.reserved == f.accepted) last.reserved.reset();
    later(last.opened, f.accepted);
    auto& seen = addresses_.try_emplace(*f.who, f.accepted).first->second;
    seen = std::max(seen, f.accepted);
}

void replay_guard::used_up(const burnt& b) {
    auto& key = keys_[b.key];
    auto* const found = reserved(key, b);
    if (!found) return;
    found->is = state::opened;
    later(key.newest_opened, b.place);
    release(key, *found);
}

bool replay_guard::learn(const burnt& b) {
    auto& key = keys_[b.key];
    later(key.newest, b.place);
    later(key.newest_opened, b.place);
    const spot where{b.place, b.identity};
    if (key.burnt.size() >= most_of_key && !key.burnt.contains(where)) {
        const auto& [oldest, f] = *key.burnt.begin();
        if (!key.by || f.is == state::reserved || may_be_replayed(key, oldest.first)) return false;
        displaced_.push_back({b.key, oldest.first, oldest.second, f.who, f.accepted});
        key.burnt.erase(key.burnt.begin());
    }
    const auto [f, is_new] = key.burnt.try_emplace(where, fate{state::opened, b.who, b.accepted, b.accepted});
    if (!is_new && f->second.is == state::reserved) return true; // its own answer is on the way
    f->second.is = state::opened;
    if (!is_new) return true;
    later(key.last[b.who].opened, b.accepted);
    if (!b.who) return true;
    auto& seen = addresses_.try_emplace(*b.who, b.accepted).first->second;
    seen = std::max(seen, b.accepted);
    return true;
}

/// What is on its way no longer makes others of its address come too soon.
void replay_guard::release(per_key& key, const fate& f) {
    const auto last = key.last.find(f.who);
    if (last == key.last.end()) return;
    if (last->second.reserved == f.accepted) last->second.reserved.reset();
    if (!last->second.opened && !last->second.reserved) key.last.erase(last);
}

void replay_guard::failed(const burnt& b) {
    auto& key = keys_[b.key];
    auto* const found = reserved(key, b);
    if (!found) return;
    auto& f = *found;
    f.is = state::failed;
    release(key, f);
    if (const auto count = key.accepted_in.find(counted_in(*key.by, b.place, f.accepted));
        count != key.accepted_in.end() && count->second > 0)
        --count->second;
    const auto newest = std::find_if(key.burnt.rbegin(), key.burnt.rend(),
                                     [](const auto& one) { return one.second.is != state::failed; });
    key.newest = key.newest_opened;
    if (newest != key.burnt.rend()) later(key.newest, newest->first.first);
}

/// True if the never-go-back rule leaves it to what is burnt to refuse a replay of this place.
bool replay_guard::is_recent_enough(const per_key& key, std::int64_t place) {
    return !key.by->reusable && (!key.newest || place >= *key.newest - key.by->slack);
}

/// True if only its being burnt refuses a replay of this place, whatever becomes of those on their way.
bool replay_guard::may_be_replayed(const per_key& key, std::int64_t place) {
    return !key.by->reusable && (!key.newest_opened || place >= *key.newest_opened - key.by->slack);
}

/// A token that never changes has no place: its count is for each slack of the clock's time.
std::int64_t replay_guard::counted_in(const rules& by, std::int64_t place, unix_time accepted) {
    return by.reusable ? to_seconds(accepted) / std::max<std::int64_t>(by.slack, 1) : place;
}

/// Counts a claim to be accepted; makes room for it if need be.
bool replay_guard::make_room(const attempt& a, per_key& key) {
    const auto place = counted_in(*key.by, a.once.place, a.now);
    const auto oldest =
        key.by->reusable ? place : std::max(key.newest.value_or(place), place) - key.by->slack;
    std::erase_if(key.accepted_in, [&](const auto& p) { return p.first < oldest; });
    auto& accepted = key.accepted_in[place];
    if (accepted >= most_in_window) return false;
    if (key.burnt.size() >= most_of_key && !key.burnt.contains({a.once.place, a.once.identity})) {
        const auto first = key.burnt.begin();
        const auto& [where, f] = *first;
        if (f.is == state::reserved || may_be_replayed(key, where.first) ||
            between(a.now, f.accepted) < a.delay)
            return false;
        displaced_.push_back({a.once.key, where.first, where.second, f.who, f.accepted});
        if (const auto last = key.last.find(f.who);
            last != key.last.end() && last->second.opened == f.accepted && !last->second.reserved)
            key.last.erase(last);
        if (f.who)
            if (const auto seen = addresses_.find(*f.who);
                seen != addresses_.end() && seen->second == f.accepted)
                addresses_.erase(seen);
        key.burnt.erase(first);
    }
    ++accepted;
    return true;
}

/// Of a key that did not knock since the start it is not known what is needed.
bool replay_guard::is_needed(const per_key& key, std::int64_t place, const fate& f, unix_time now) {
    return !key.by || f.is == state::reserved || may_be_replayed(key, place) ||
           f.accepted + key.by->delay > now || f.accepted + month > now;
}

std::vector<burnt> replay_guard::prune(unix_time now) {
    std::vector<burnt> forgotten;
    for (auto& [name, key] : keys_) {
        for (auto it = key.burnt.begin(); it != key.burnt.end();) {
            const auto& [where, f] = *it;
            if (is_needed(key, where.first, f, now)) {
                ++it;
                continue;
            }
            forgotten.push_back({name, where.first, where.second, f.who, f.accepted});
            it = key.burnt.erase(it);
        }
        const auto keep = key.by ? std::max(key.by->delay, month) : month;
        std::erase_if(key.last, [&](const auto& l) {
            return !l.second.reserved && l.second.opened && *l.second.opened + keep <= now;
        });
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

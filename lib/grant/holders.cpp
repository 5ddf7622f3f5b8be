#include "grant/holders.hpp"

#include <algorithm>

namespace chronoknock::granting {

template <class Predicate>
void holders::erase(const prefix& who, const std::string& service, Predicate unwanted) {
    const auto found = open_.find({who, service});
    if (found == open_.end()) return;
    std::erase_if(found->second, unwanted);
    if (found->second.empty()) open_.erase(found);
}

holders::ticket holders::hold(const std::string& key, const prefix& who, const std::string& service,
                              std::optional<instant> end, instant now) {
    const auto over = [now](const change& c) { return c.is_over(now); };
    if (std::max(open_.size(), indexed_) >= sweep_at_) {
        for (auto& [one, by] : open_) std::erase_if(by, over);
        std::erase_if(open_, [](const auto& o) { return o.second.empty(); });
        sweep_keys();
        sweep_at_ = std::max(least_sweep, 2 * std::max(open_.size(), indexed_));
    }
    const grant changed(who, service);
    if (open_.size() >= most && !open_.contains(changed)) return 0;
    auto& by = open_[changed];
    std::erase_if(by, over);
    by.push_back({key, end, ++last_});
    indexed_ += of_keys_[key].insert(changed).second;
    return last_;
}

void holders::settle(const std::string& key, const prefix& who, const std::string& service, ticket t,
                     bool alone) {
    erase(who, service, [&](const change& c) {
        return (c.number < t && (alone || c.key == key)) || (c.number == t && !c.end);
    });
}

void holders::prolong(const prefix& who, const std::string& service, instant end, instant now) {
    const auto found = open_.find({who, service});
    if (found == open_.end()) return;
    for (auto& c : found->second)
        if (c.end && !c.is_over(now)) c.end = std::max(*c.end, end);
}

void holders::undo(const prefix& who, const std::string& service, ticket t) {
    erase(who, service, [t](const change& c) { return c.number == t; });
}

bool holders::holds(const std::string& key, const prefix& who, const std::string& service,
                    instant now) const {
    const auto& by = of(who, service);
    const auto last = std::find_if(by.rbegin(), by.rend(), [&](const change& c) { return c.key == key; });
    return last != by.rend() && last->end && !last->is_over(now);
}

bool holders::holds_newest(const std::string& key, const prefix& who, const std::string& service,
                           instant now) const {
    const auto& by = of(who, service);
    return !by.empty() && by.back().key == key && holds(key, who, service, now);
}

std::optional<instant> holders::held_by_another(const std::string& key, const prefix& who,
                                                const std::string& service, instant now) const {
    const auto& by = of(who, service);
    std::optional<instant> longest;
    for (auto c = by.rbegin(); c != by.rend(); ++c) { // most often the newest is the longest
        if (c->key == key || !c->end || c->is_over(now) || (longest && *c->end <= *longest)) continue;
        const auto is_of_its_key = [&](const change& newer) { return newer.key == c->key; };
        if (std::none_of(by.rbegin(), c, is_of_its_key)) longest = c->end;
    }
    return longest;
}

std::set<holders::grant> holders::held_by(const std::string& key, instant now) const {
    std::set<grant> grants;
    const auto changed = of_keys_.find(key);
    if (changed == of_keys_.end()) return grants;
    for (const auto& one : changed->second)
        if (holds(key, one.first, one.second, now)) grants.insert(one);
    return grants;
}

/// Forgets by key what is forgotten by grant.
void holders::sweep_keys() {
    indexed_ = 0;
    for (auto& [name, changed] : of_keys_) {
        const auto& key = name;
        std::erase_if(changed, [&](const grant& one) {
            return std::ranges::none_of(of(one.first, one.second),
                                        [&](const change& c) { return c.key == key; });
        });
        indexed_ += changed.size();
    }
    std::erase_if(of_keys_, [](const auto& one) { return one.second.empty(); });
}

std::vector<holders::held> holders::all(instant now) const {
    std::vector<held> found;
    for (const auto& [one, by] : open_)
        for (auto c = by.begin(); c != by.end(); ++c) {
            const auto is_of_its_key = [&](const change& newer) { return newer.key == c->key; };
            if (!c->end || c->is_over(now) || std::any_of(c + 1, by.end(), is_of_its_key)) continue;
            found.push_back({one.first, one.second, c->key, *c->end, c + 1 == by.end()});
        }
    return found;
}

std::vector<std::string> holders::keys_of(const prefix& who, const std::string& service, instant now) const {
    std::vector<std::string> keys;
    for (const auto& c : of(who, service))
        if (std::ranges::find(keys, c.key) == keys.end() && holds(c.key, who, service, now))
            keys.push_back(c.key);
    return keys;
}

const holders::changes& holders::of(const prefix& who, const std::string& service) const {
    static const changes none;
    const auto found = open_.find({who, service});
    return found == open_.end() ? none : found->second;
}

} // namespace chronoknock::granting

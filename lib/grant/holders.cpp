#include "grant/holders.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::granting {

std::optional<instant> holders::hold(const std::string& key, const address& who, const std::string& service,
                                     instant end, instant now) {
    if (open_.size() >= sweep_at_) {
        for (auto& [grant, by] : open_) std::erase_if(by, [&](const holder& h) { return h.end <= now; });
        std::erase_if(open_, [](const auto& o) { return o.second.empty(); });
        sweep_at_ = std::max(least_sweep, 2 * open_.size());
    }
    const std::pair grant(who, service);
    if (open_.size() >= most && !open_.contains(grant)) return {};
    auto& by = open_[grant];
    std::erase_if(by, [&](const holder& h) { return h.end <= now; });
    const auto known = std::ranges::find(by, key, &holder::key);
    if (known != by.end()) return std::exchange(known->end, end);
    by.push_back({key, end});
    return {};
}

bool holders::holds(const std::string& key, const address& who, const std::string& service,
                    instant now) const {
    const auto found = open_.find({who, service});
    return found != open_.end() &&
           std::ranges::any_of(found->second, [&](const holder& h) { return h.key == key && h.end > now; });
}

void holders::let_go(const std::string& key, const address& who, const std::string& service) {
    const auto found = open_.find({who, service});
    if (found == open_.end()) return;
    std::erase_if(found->second, [&](const holder& h) { return h.key == key; });
    if (found->second.empty()) open_.erase(found);
}

std::optional<instant> holders::held_by_another(const std::string& key, const address& who,
                                                const std::string& service, instant now) const {
    const auto found = open_.find({who, service});
    std::optional<instant> longest;
    if (found == open_.end()) return longest;
    for (const auto& h : found->second)
        if (h.key != key && h.end > now && (!longest || h.end > *longest)) longest = h.end;
    return longest;
}

} // namespace chronoknock::granting

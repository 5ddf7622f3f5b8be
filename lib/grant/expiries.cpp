#include "grant/expiries.hpp"

namespace chronoknock::granting {

void expiries::note(std::span<const firewall::change> changes, const std::string& key, unix_time accepted,
                    instant now, nanoseconds later) {
    for (const auto& c : changes) {
        grant g{c.who, key, c.service};
        const bool renewed = ends_.contains(g);
        forget(g);
        if (!c.open_for || (ends_.size() >= most && !renewed)) continue;
        const auto known_at = now + *c.open_for + later;
        order_.emplace(known_at, g);
        ends_.emplace(std::move(g), end{known_at, accepted + *c.open_for});
    }
}

void expiries::prolong(const prefix& who, const std::string& service, nanoseconds left, unix_time by_clock,
                       instant now) {
    for (auto one = ends_.lower_bound({who, "", ""}); one != ends_.end() && one->first.who == who; ++one) {
        const auto& [g, was] = *one;
        if (g.service != service || was.at >= now + left) continue;
        order_.erase({was.at, g});
        one->second = {now + left, by_clock};
        order_.emplace(now + left, g);
    }
}

void expiries::forget(const grant& g) {
    const auto known = ends_.find(g);
    if (known == ends_.end()) return;
    order_.erase({known->second.at, g});
    ends_.erase(known);
}

std::vector<history_entry> expiries::due(instant now) {
    std::vector<history_entry> over;
    while (!order_.empty() && order_.begin()->first <= now) {
        const auto g = order_.begin()->second;
        const auto when = ends_.at(g).by_clock;
        forget(g);
        if (!over.empty() && over.back().who == g.who && over.back().key == g.key && over.back().when == when)
            over.back().services += ", " + g.service;
        else
            over.push_back({when, history_entry::kind::expired, g.key, g.who, g.service, ""});
    }
    return over;
}

} // namespace chronoknock::granting

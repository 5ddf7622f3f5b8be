#include "firewall/deadlines.hpp"

namespace chronoknock::firewall {

void deadlines::note(const change& c, instant now) {
    const grant g{c.who, c.service};
    if (const auto known = ends_.find(g); known != ends_.end()) {
        order_.erase({known->second, g});
        ends_.erase(known);
    }
    if (!c.open_for) return;
    ends_.emplace(g, now + *c.open_for);
    order_.emplace(now + *c.open_for, g);
}

std::optional<instant> deadlines::end_of(const change& c) const {
    const auto known = ends_.find({c.who, c.service});
    if (known == ends_.end()) return {};
    return known->second;
}

void deadlines::keep(const std::function<bool(const prefix& who, const std::string& service)>& wanted) {
    std::erase_if(ends_, [&](const auto& e) { return !wanted(e.first.first, e.first.second); });
    std::erase_if(order_, [&](const auto& o) { return !ends_.contains(o.second); });
}

std::optional<instant> deadlines::next() const {
    if (order_.empty()) return {};
    return order_.begin()->first;
}

std::vector<change> deadlines::due(instant now) {
    std::vector<change> closing;
    while (!order_.empty() && order_.begin()->first <= now) {
        const auto& g = order_.begin()->second;
        closing.push_back({g.first, g.second, {}});
        ends_.erase(g);
        order_.erase(order_.begin());
    }
    return closing;
}

} // namespace chronoknock::firewall

// Whose grants are: what is written down of those of this process, and what is known of an earlier one's. The
// way of a claim is in pipeline.cpp.
#include "grant/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::granting {

void pipeline::record(const claim& c, const knock& k, std::vector<opened_grant>& grants) const {
    if (k.wish != claim::wish::open) return;
    for (const auto& o : k.openings)
        grants.push_back({k.key, terms_.keys[c.key].fingerprint, o.who, o.service, k.once.accepted,
                          is_until_idle(o.service) ? unix_time::max() : k.once.accepted + o.open_for});
}

pipeline::recalled pipeline::remember(std::span<const opened_grant> record,
                                      std::span<const firewall::live_grant> open, instant now) {
    recalled found;
    std::map<grant, nanoseconds> left;
    std::set<grant> explained;
    for (const auto& g : open) left.emplace(std::pair(g.who, g.service), g.left);
    for (const auto& g : record) {
        const std::pair one(g.who, g.service);
        const auto live = left.find(one);
        if (live == left.end()) {
            if (shared_key(g.fingerprint))
                recallable_.insert_or_assign({g.key, one}, g); // the fleet knows whether it is over
            else
                found.over.push_back(g);
            continue;
        }
        explained.insert(one);
        // One that lives as long as its connections may have outlived what the fleet knows of it.
        if (shared_key(g.fingerprint) && !is_until_idle(g.service)) recalled_.insert({g.key, one});
        if (g.until == unix_time::max() && is_until_idle(g.service)) { // whatever time it is
            const auto end = now + live->second + grace_of(g.service);
            holders_.settle(g.key, g.who, g.service, holders_.hold(g.key, g.who, g.service, end, now), false);
            note_idle(g.who, g.service, true, now);
        } else {
            earlier_[one].push_back({g.key, g.until, now + live->second});
        }
        const auto* const key = terms_.find(g.key);
        if (!g.fingerprint.empty() && key && key->fingerprint != g.fingerprint) renewed_.insert(g.key);
    }
    found.unexplained = static_cast<std::size_t>(
        std::ranges::count_if(left, [&](const auto& l) { return !explained.contains(l.first); }));
    return found;
}

void pipeline::remember_last(std::span<const opened_grant> newest) {
    for (const auto& g : newest) {
        if (!terms_.find(g.key)) continue;
        auto& k = counters_of(g.key);
        k.last = g.at;
        k.from = g.who;
    }
}

/// The firewall has one opening, whoever holds it, and it lasts as long as the longest of them. Where all are
/// over by the time t, that time is wrong: then each may hold it yet.
void pipeline::carry_on(instant now, unix_time t) {
    for (const auto& [one, held] : std::exchange(earlier_, {})) {
        const bool doubtful = std::ranges::all_of(held, [t](const earlier& e) { return e.end <= t; });
        const auto& [who, service] = one;
        for (const auto& e : held) {
            const bool has_no_time = e.end == unix_time::max(); // it was to live as long as its connections
            const auto end = doubtful || has_no_time ? e.latest : std::min(now + (e.end - t), e.latest);
            if (end <= now) continue;
            holders_.settle(e.key, who, service, holders_.hold(e.key, who, service, end, now),
                            has_uses(service));
        }
    }
}

std::vector<std::string> pipeline::keys_of(const prefix& who, const std::string& service, instant now) const {
    auto keys = holders_.keys_of(who, service, now);
    if (const auto found = earlier_.find({who, service}); found != earlier_.end())
        for (const auto& e : found->second)
            if (e.latest > now && std::ranges::find(keys, e.key) == keys.end()) keys.push_back(e.key);
    return keys;
}

} // namespace chronoknock::granting

#include "grant/expiries.hpp"

namespace chronoknock::granting {

void expiries::note(std::span<const firewall::change> changes, const std::string& key, unix_time accepted,
                    instant now) {
    for (const auto& c : changes) {
        const std::pair grant(c.who, c.service);
        if (!c.open_for) {
            opened_.erase(grant);
        } else {
            if (opened_.size() >= most && !opened_.contains(grant)) continue;
            opened_.insert_or_assign(grant, opened{key, accepted + *c.open_for});
        }
        ends_.note(c, now);
    }
}

std::vector<history_entry> expiries::due(instant now) {
    std::vector<history_entry> over;
    for (const auto& c : ends_.due(now)) {
        const auto found = opened_.extract({c.who, c.service});
        const auto& o = found.mapped();
        if (!over.empty() && over.back().who == c.who && over.back().key == o.key &&
            over.back().when == o.end)
            over.back().services += ", " + c.service;
        else
            over.push_back({o.end, history_entry::kind::expired, o.key, c.who, c.service, ""});
    }
    return over;
}

} // namespace chronoknock::granting

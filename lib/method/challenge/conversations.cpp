#include "method/challenge/conversations.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::challenge {

conversation* conversations::find(const request_id& id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &all_[found->second];
}

conversation& conversations::begin(conversation c) {
    c.seen.assign(c.response.size(), 0);
    auto at = all_.size();
    if (at < most) {
        all_.emplace_back();
    } else {
        at = oldest_;
        oldest_ = (oldest_ + 1) % most;
        by_id_.erase(all_[at].id);
        const auto [begin, end] = by_address_.equal_range(all_[at].who);
        const auto mine = std::find_if(begin, end, [at](const auto& one) { return one.second == at; });
        if (mine != end) by_address_.erase(mine);
    }
    by_id_.emplace(c.id, at);
    by_address_.emplace(c.who, at);
    return all_[at] = std::move(c);
}

/// As a sequence is matched (chronoknock-protocol(7), MATCHING): all ports among the last that came, or in
/// strict mode in order and nothing between.
bool conversations::completes(conversation& c, std::uint16_t port) const {
    ++c.datagrams;
    if (c.strict) {
        if (c.latest.size() == c.response.size()) c.latest.erase(c.latest.begin());
        c.latest.push_back(port);
        if (c.latest != c.response) return false;
        c.latest.clear(); // what completes it again is a later round
        return true;
    }
    bool part = false;
    for (std::size_t i = 0; i < c.response.size(); ++i)
        if (c.response[i] == port) {
            c.seen[i] = c.datagrams;
            part = true;
        }
    if (!part || std::ranges::any_of(c.seen, [&](std::uint32_t number) {
            return number == 0 || c.datagrams - number >= memory_;
        }))
        return false;
    std::ranges::fill(c.seen, 0u); // what completes it again is a later round
    return true;
}

} // namespace chronoknock::challenge

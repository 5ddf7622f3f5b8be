#include "fleet/unheard.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace chronoknock::fleet {

void unheard::revoke(ledger::is_meant meant, unix_time until) {
    if (revoked_.size() == most) revoked_.pop_front();
    revoked_.push_back({++last_, std::move(meant), until});
}

void unheard::revoke(const granting::burnt& token) {
    if (std::ranges::find(tokens_, token) != tokens_.end()) return;
    if (tokens_.size() == most) tokens_.pop_front();
    tokens_.push_back(token);
}

void unheard::caught_up(std::uint64_t number) {
    while (!revoked_.empty() && revoked_.front().number <= number) revoked_.pop_front();
}

bool unheard::is_meant(const granting::shared_grant& g) const {
    const auto is_of = [&](const granting::burnt& b) {
        return g.key == b.key && g.place == b.place && g.identity == b.identity;
    };
    return std::ranges::any_of(tokens_, is_of) || std::ranges::any_of(revoked_, [&](const revocation& r) {
               return g.accepted <= r.until && r.meant(g);
           });
}

bool unheard::withhold(granting::shared_changes& c) const {
    if (tokens_.empty() && revoked_.empty()) return false;
    const auto ended = std::stable_partition(c.opened.begin(), c.opened.end(),
                                             [this](const auto& g) { return !is_meant(g); });
    if (ended == c.opened.end()) return false;
    c.closed.insert(c.closed.end(), std::make_move_iterator(ended), std::make_move_iterator(c.opened.end()));
    c.opened.erase(ended, c.opened.end());
    return true;
}

} // namespace chronoknock::fleet

#include "fleet/postponed.hpp"

#include <utility>

namespace chronoknock::fleet {

void postponed::add(order o) {
    if (!o.claim.closes.empty()) end([&](const granting::shared_grant& g) { return closes(o, g); });
    if (all_.size() >= most) all_.erase(all_.begin() + (is_under_way_ ? 1 : 0));
    all_.push_back({std::move(o)});
}

postponed::try_of postponed::begin(unix_time t, const attempt_id& fresh) {
    auto& first = all_.front();
    std::erase_if(first.what.grants, [&](const granting::opened_grant& g) {
        return shared_grant_of(first.what, g, host_).until <= t;
    });
    is_under_way_ = true;
    if (!std::exchange(first.was_sent, true)) first.attempt = fresh;
    return {first.what, first.attempt};
}

std::vector<ledger::place> postponed::done(const seal& s, std::int64_t revision) {
    is_under_way_ = false;
    const auto first = std::move(all_.front());
    all_.pop_front();
    std::vector<ledger::place> to_erase;
    for (const auto& g : first.ended)
        to_erase.push_back({s.name_of_grant(g.key, g.who, g.service), revision, g});
    return to_erase;
}

void postponed::end(const ledger::is_meant& meant) {
    for (auto& one : all_)
        std::erase_if(one.what.grants, [&](const granting::opened_grant& g) {
            auto shared = shared_grant_of(one.what, g, host_);
            if (!meant(shared)) return false;
            if (one.was_sent) one.ended.push_back(std::move(shared));
            return true;
        });
}

} // namespace chronoknock::fleet

// A granter whose host belongs to a fleet: what other hosts have opened and closed is opened and closed here,
// once the time is known. The way of a claim is in granter.cpp.
#include "io/fleet/member.hpp"
#include "io/granter.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"

#include <exception>
#include <set>
#include <utility>

namespace chronoknock::io {

result<void> granter::join_fleet(const config::fleet_settings& f, resolver names, const granting::terms& t) {
    if (!f.is_set() || member_) return {};
    const auto clock = [this] {
        const auto now = clock_ ? clock_() : std::nullopt;
        return now ? now->t : system_now();
    };
    member_ = std::make_shared<fleet_member>(context_, f, std::move(names), clock);
    member_->on_changes([this](granting::shared_changes c) {
        backlog_.add(std::move(c));
        share();
    });
    member_->count_by([this] { return std::uint64_t{pipeline_ ? pipeline_->held(boot_now()) : 0}; });
    std::set<nanoseconds> lengths;
    for (const auto& k : t.keys)
        for (const auto index : k.services)
            if (k.shared) lengths.insert(t.services[index].open_for);
    member_->expect({lengths.begin(), lengths.end()});
    return {};
}

void granter::use(const config::fleet_settings& f) {
    if (!member_ || f == member_->settings()) return;
    if (const auto used = member_->use(f); !used) log::error("[fleet] " + used.error().text);
}

std::optional<fleet_report> granter::fleet() const {
    if (!member_) return {};
    return member_->report();
}

void granter::redeem_shared(granting::redeem& r) {
    const auto take = [this, batch = r.batch](const granting::shared_outcome& o) {
        const auto revoked = pipeline_->revoked_on_its_way(batch);
        carry_out(pipeline_->shared_redeemed(batch, o, boot_now()));
        if (revoked && member_) { // the other hosts may have opened what it was for, now or later
            member_->end(*revoked);
            if (o.is == granting::shared_outcome::kind::failed)
                store_->redeem({*revoked}, {}, [](const result<void>&) {});
        }
        if (pipeline_->owes_opening()) share();
    };
    try {
        store_->redeem_shared(std::move(r.tokens.front()), std::move(r.grants), std::move(*r.shared), take);
    } catch (const std::exception& e) {
        take({granting::shared_outcome::kind::failed, e.what()});
    }
}

/// Until the time is known nobody can say what lives; what has been closed is over at any time.
void granter::share() {
    if (!pipeline_ || !firewall_ || !has_recalled_) return;
    const auto end_them = [this](granting::pipeline::revoking ends) {
        if (ends.number != 0) end(std::move(ends), [](const result<void>&) {});
    };
    const auto t = clock_ && gate_.lets_pass() ? clock_() : std::nullopt;
    if (!t) {
        if (backlog_.has_closes())
            end_them(pipeline_->share_closed(backlog_.take_closes(), boot_now(), system_now()));
        return;
    }
    if (backlog_.take_overflow()) member_->list_again();
    // What could not be opened is tried again with each turn.
    if (backlog_.empty() && !pipeline_->owes_opening()) return;
    auto s = pipeline_->share(backlog_.take(), boot_now(), t->t);
    end_them(std::move(s.ends));
    carry_out(std::move(s.todo));
    if (!s.over.empty()) store_->end(s.over);
}

void granter::due(instant now) {
    carry_out(pipeline_->due(now));
    if (member_) share();
}

/// On the other hosts, whether this one has it open or not.
std::size_t granter::end_in_fleet(const granting::revocation& r) {
    if (!member_) return 0;
    const auto fingerprint = pipeline_->fingerprint_of(r.key);
    const auto meant = [fingerprint, name = r.key, who = r.who](const granting::shared_grant& g) {
        return (name.empty() || g.key_name == name || (!fingerprint.empty() && g.key == fingerprint)) &&
               (!who || g.who.overlaps(*who));
    };
    const auto count = member_->end(meant);
    if (count > 0 && !member_->hears())
        log::warning("the fleet's cluster is lost: its other hosts end " + std::to_string(count) +
                     (count == 1 ? " grant" : " grants") + " once it is back, or in their time");
    return count;
}

/// Whether a revocation reaches the fleet's other hosts later only.
bool granter::fleet_waits(const granting::revocation& r) const {
    return member_ && !member_->hears() && (r.key.empty() || !pipeline_->fingerprint_of(r.key).empty());
}

} // namespace chronoknock::io

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

namespace {

constexpr std::size_t most_shared = 100'000; // changes that wait for the time to be known

} // namespace

result<void> granter::join_fleet(const config::fleet_settings& f, resolver names, const granting::terms& t) {
    if (!f.is_set() || member_) return {};
    const auto clock = [this] {
        const auto now = clock_ ? clock_() : std::nullopt;
        return now ? now->t : system_now();
    };
    member_ = std::make_shared<fleet_member>(context_, f, std::move(names), clock);
    member_->on_changes([this](granting::shared_changes c) {
        if (shared_.size() == most_shared) shared_.pop_front();
        shared_.push_back(std::move(c));
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
        if (revoked && member_) // the other hosts have opened what it was for
            member_->end([&](const granting::shared_grant& g) {
                return g.key == revoked->key && g.place == revoked->place && g.identity == revoked->identity;
            });
        if (pipeline_->owes_opening()) share();
    };
    try {
        store_->redeem_shared(std::move(r.tokens.front()), std::move(r.grants), std::move(*r.shared), take);
    } catch (const std::exception& e) {
        take({granting::shared_outcome::kind::failed, e.what()});
    }
}

/// Until the time is known nobody can say what lives.
void granter::share() {
    if (!pipeline_ || !firewall_ || !gate_.lets_pass()) return;
    const auto t = clock_ ? clock_() : std::nullopt;
    if (!t) return;
    while (!shared_.empty() || pipeline_->owes_opening()) {
        granting::shared_changes c;
        if (!shared_.empty()) {
            c = std::move(shared_.front());
            shared_.pop_front();
        }
        auto s = pipeline_->share(c, boot_now(), t->t);
        if (s.ends.number != 0) end(std::move(s.ends), [](const result<void>&) {});
        carry_out(std::move(s.todo));
        if (!s.over.empty()) store_->end(s.over);
        if (shared_.empty()) break; // what could not be opened is tried again later
    }
}

void granter::due(instant now) {
    carry_out(pipeline_->due(now));
    if (member_) share();
}

/// On the other hosts, whether this one has it open or not.
std::size_t granter::end_in_fleet(const granting::revocation& r) {
    if (!member_) return 0;
    const auto fingerprint = pipeline_->fingerprint_of(r.key);
    const auto meant = [&](const granting::shared_grant& g) {
        return (r.key.empty() || g.key_name == r.key || (!fingerprint.empty() && g.key == fingerprint)) &&
               (!r.who || g.who.overlaps(*r.who));
    };
    const auto count = member_->end(meant);
    if (count > 0 && member_->is_lost())
        log::warning("the fleet's cluster is lost: its other hosts end " + std::to_string(count) +
                     (count == 1 ? " grant" : " grants") + " once it is back, or in their time");
    return count;
}

} // namespace chronoknock::io

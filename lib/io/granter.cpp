#include "io/granter.hpp"

#include "base/each_of.hpp"
#include "base/prefix_lengths.hpp"
#include "firewall/rules.hpp"
#include "io/fleet/fleet_store.hpp"
#include "io/log/level_of.hpp"
#include "io/store/sqlite_store.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace chronoknock::io {

namespace {

constexpr nanoseconds look_each = seconds(1);
constexpr std::size_t most_named = 5; // grants, in a line of the log

/// Who may reach which service.
class reach {
public:
    void add(const prefix& who, const std::string& service) {
        lengths_.add(who);
        all_.emplace(who, service);
    }
    bool names(const address& who, const std::string& service) const {
        return all_.contains({prefix(who), service});
    }
    /// True if it is named, or in a network that is.
    bool contains(const address& who, const std::string& service) const {
        return lengths_.any_of(who, [&](const prefix& p) { return all_.contains({p, service}); });
    }

private:
    std::set<std::pair<prefix, std::string>> all_;
    prefix_lengths lengths_;
};

/// Asks a shell for something. What it throws before it could answer is its answer.
template <class Ask, class Take>
void ask_shell(Ask ask, Take take) {
    try {
        ask(take);
    } catch (const std::exception& e) {
        take(error{e.what()});
    }
}

/// For how long these are open yet: no longer than they were to be, whatever the system clock says.
std::vector<firewall::earlier_grant> earlier_grants(std::span<const granting::opened_grant> record,
                                                    unix_time now) {
    std::vector<firewall::earlier_grant> all;
    for (const auto& g : record) {
        // One that lives as long as its last connection nobody has prolonged meanwhile.
        const auto until = g.until == unix_time::max() ? std::max(g.at, now) : g.until;
        all.push_back({g.who, g.service, std::min(until - now, until - g.at), g.key});
    }
    return all;
}

} // namespace

result<void> granter::open(const std::string& state, granting::terms t, const config::fleet_settings& f,
                           resolver names) {
    auto opened = sqlite_store::open(context_, state);
    if (!opened) return opened.error();
    const auto burnt = (*opened)->load();
    if (!burnt) return burnt.error();
    if (const auto joined = join_fleet(f, std::move(names), t); !joined) return joined.error();
    store_ = std::move(*opened);
    if (member_) store_ = std::make_unique<fleet_store>(std::move(store_), member_);
    newest_ = store_->floor().value_or(unix_time{});
    for (const auto& b : *burnt) newest_ = std::max(newest_, b.accepted);
    pipeline_.emplace(
        granting::replay_guard(*burnt, store_->floor().value_or(unix_time::max()), store_->lacking()),
        std::move(t));
    recall_grants();
    return member_ ? member_->begin() : result<void>();
}

/// So that keys can close what they opened before a restart, and what they may not open any more ends.
void granter::recall_grants() {
    if (const auto newest = store_->newest_opened())
        pipeline_->remember_last(*newest);
    else
        log::warning(newest.error().text);
    has_recalled_ = true; // unless it is to be
    if (!firewall_) return;
    auto record = store_->open_grants();
    if (!record) return log::warning(record.error().text);
    has_recalled_ = false;
    if (!goes_elsewhere(*record)) firewall_->recall(earlier_grants(*record, system_now()));
    firewall_->list([this, record = std::move(*record)](const result<std::vector<live_grant>>& open) {
        if (open) {
            const auto recalled = pipeline_->remember(record, *open, boot_now());
            store_->end(recalled.over);
            if (const auto n = recalled.unexplained; n > 0)
                log::warning(std::to_string(n) + " open grant" + (n == 1 ? "" : "s") +
                             " of unknown keys: `chronoknock grants` shows them, `revoke ADDRESS` ends them");
        }
        has_recalled_ = true;
        revoke_unentitled(system_now());
    });
}

/// True if the record's grants went to another backend than is there now. What that one left open, if it does
/// not end grants by itself, nobody can close.
bool granter::goes_elsewhere(std::span<const granting::opened_grant> record) {
    const auto before = store_->exchange_backend(backend_);
    if (!before) log::warning(before.error().text);
    if (!before || before->empty() || *before == backend_) return false;
    const auto was = std::ranges::find(firewall::backends, *before, &firewall::backend::name);
    const bool ends =
        was == std::end(firewall::backends) || was->can.expiry || was->needs != firewall::needs::programs;
    if (ends || record.empty()) return true;
    std::string named;
    for (const auto& g : record.first(std::min(record.size(), most_named)))
        named += (named.empty() ? ": " : ", ") + g.service + " to " + g.who.to_string();
    if (record.size() > most_named) named += ", and others";
    log::warning(std::to_string(record.size()) + " grants went to the backend " + *before +
                 ", before it was " + backend_ + ", and may be open there: close them by hand" + named);
    return true;
}

void granter::open_by(firewall_backend& firewall, std::string name) {
    firewall_ = &firewall;
    backend_ = std::move(name);
    told_of_closing_ =
        firewall.on_closed([this](const prefix& who, const std::string& service) { closed(who, service); });
}

/// What is on its way opens it again.
void granter::closed(const prefix& who, const std::string& service) {
    if (store_ && pipeline_ && !pipeline_->is_coming({who, service})) store_->closed(who, service);
}

void granter::withdrawn(unix_time when) {
    if (!store_ || !pipeline_) return;
    const auto now = boot_now();
    const auto r = pipeline_->revoke({{}, {}, "the server stopped"}, {}, now, when);
    if (r.number != 0) carry_out(pipeline_->revoked(r.number, {}, now));
    if (const auto rest = store_->open_grants()) store_->end(*rest);
}

void granter::end(granting::pipeline::revoking r, std::function<void(const result<void>&)> done) {
    ask_shell([&](const auto& take) { firewall_->apply(std::move(r.changes), take); },
              [this, number = r.number, done = std::move(done)](const result<void>& made) {
                  carry_out(pipeline_->revoked(number, made, boot_now()));
                  done(made);
              });
}

void granter::keep_idle_grants(instant now, unix_time when) {
    if (!firewall_ || !pipeline_ || !pipeline_->asks_for_flows() || now < flows_due_) return;
    flows_due_ = now + look_each;
    const auto as_of = firewall_->flows_as_of();
    if (as_of != instant{} && as_of == flows_heeded_) return; // nothing new is known
    flows_heeded_ = as_of;
    const auto heed = [this, when](const result<firewall_backend::live_flows>& live) {
        if (!live || live->as_of == instant{}) return pipeline_->heed_nothing(boot_now());
        auto k = pipeline_->heed(live->flows, live->as_of, boot_now(), when);
        if (k.ends.number != 0) end(std::move(k.ends), [](const result<void>&) {});
        if (k.prolongs.number == 0) return;
        ask_shell([&](const auto& take) { firewall_->apply(std::move(k.prolongs.changes), take); },
                  [this, number = k.prolongs.number](const result<void>& made) {
                      carry_out(pipeline_->prolonged(number, made, boot_now()));
                  });
    };
    firewall_->flows([this](const firewall::flow& f) { return pipeline_->wants(f); }, heed);
}

void granter::revoke_unentitled(unix_time when) {
    if (!firewall_ || !pipeline_) return;
    auto r = pipeline_->revoke_unentitled(boot_now(), when);
    if (r.number != 0) end(std::move(r), [](const result<void>&) {});
}

/// The flows that a key may have opened. Nobody knows which of an address's connections came by whose grant.
/// Whoever holds a key can have it open for addresses that he makes up, until his own is forgotten: so once
/// some are, TCP connections that no other key's record explains (one that is in use) are taken for its. (UDP
/// peers are not: those that the host itself began with are nobody's.)
result<granter::flow_predicate> granter::flows_of(const std::string& key, const opened_by_key& record,
                                                  const cutting& c) {
    reach opened;
    for (const auto& g : record.grants) opened.add(g.who, g.service);
    reach others;
    if (!record.forgotten.empty()) {
        auto other_keys = c.keys;
        other_keys.erase(key);
        const auto all = store_->opened_by(other_keys);
        if (!all) return all.error();
        for (const auto& [who, service] : *all) others.add(who, service);
    }
    return [opened = std::move(opened), others = std::move(others), forgotten = record.forgotten,
            services = std::vector(c.services.begin(), c.services.end()),
            allowed = std::vector(c.always_allow.begin(), c.always_allow.end())](const firewall::flow& f) {
        const auto needs_none = [&] {
            return std::ranges::any_of(allowed, [&](const prefix& p) { return p.contains(f.peer); });
        };
        return std::ranges::any_of(services, [&](const service& s) {
            if (!firewall::guards(s, f.protocol, f.port)) return false;
            // Of a network that it opened for, not everybody came by that.
            return opened.names(f.peer, s.name) || (opened.contains(f.peer, s.name) && !needs_none()) ||
                   (f.protocol == transport::tcp && forgotten.contains(s.name) &&
                    !others.contains(f.peer, s.name) && !needs_none());
        });
    };
}

/// The flows from an address, or a network, and those that came by the grants to networks that end with it.
/// Who needs no grant is meant by his address alone.
granter::flow_predicate granter::flows_from(const prefix& who, std::span<const firewall::change> ended,
                                            std::span<const service> services,
                                            std::span<const prefix> always_allow) {
    std::vector<std::pair<prefix, service>> wider;
    for (const auto& c : ended)
        for (const auto& s : services)
            if (!c.open_for && !c.who.is_single() && s.name == c.service) wider.emplace_back(c.who, s);
    return [who, wider = std::move(wider),
            allowed = std::vector(always_allow.begin(), always_allow.end())](const firewall::flow& f) {
        const auto came_by_it = [&](const std::pair<prefix, service>& one) {
            return one.first.contains(f.peer) && firewall::guards(one.second, f.protocol, f.port);
        };
        const auto needs_none = [&] {
            return std::ranges::any_of(allowed, [&](const prefix& p) { return p.contains(f.peer); });
        };
        if (who.is_single() && who.network == f.peer) return true;
        return (who.contains(f.peer) || std::ranges::any_of(wider, came_by_it)) && !needs_none();
    };
}

void granter::revoke(granting::revocation r, const std::optional<cutting>& cut, unix_time when,
                     std::function<void(const result<ended>&)> done) {
    if (!firewall_ || !pipeline_) return done(error{"the server is starting yet"});
    ended counted;
    flow_predicate meant;
    if (!r.who) {
        const auto record = store_->opened_of(r.key);
        if (!record) return done(record.error());
        counted.known = !record->grants.empty();
        counted.forgotten = !record->forgotten.empty();
        if (cut) {
            auto flows = flows_of(r.key, *record, *cut);
            if (!flows) return done(flows.error());
            meant = std::move(*flows);
        }
    }
    const bool cuts = cut.has_value();
    std::vector<service> services;
    std::vector<prefix> allowed;
    if (cut) {
        services.assign(cut->services.begin(), cut->services.end());
        allowed.assign(cut->always_allow.begin(), cut->always_allow.end());
    }
    firewall_->list([this, r = std::move(r), when, counted, cuts, services = std::move(services),
                     allowed = std::move(allowed), meant = std::move(meant),
                     done = std::move(done)](const result<std::vector<live_grant>>& open) mutable {
        if (!open) return done(open.error());
        auto revoking = pipeline_->revoke(r, *open, boot_now(), when);
        if (r.who && cuts) meant = flows_from(*r.who, revoking.changes, services, allowed);
        counted.grants = std::max(revoking.grants, end_in_fleet(r));
        counted.coming = revoking.coming;
        counted.fleet_waits = fleet_waits(r);
        end(std::move(revoking), [this, counted, meant, done](const result<void>& made) {
            if (!made) return done(made.error());
            if (!meant) return done(counted);
            firewall_->cut(meant, [counted, done](const result<std::size_t>& connections) mutable {
                if (!connections) return done(connections.error());
                counted.connections = *connections;
                done(counted);
            });
        });
    });
}

std::vector<std::string> granter::keys_of(const prefix& who, const std::string& service) const {
    return pipeline_ ? pipeline_->keys_of(who, service, boot_now()) : std::vector<std::string>();
}

const granting::pipeline::key_counters* granter::count_of(const std::string& key) const {
    if (!pipeline_) return nullptr;
    const auto found = pipeline_->count_of_keys().find(key);
    return found == pipeline_->count_of_keys().end() ? nullptr : &found->second;
}

result<void> granter::close_cleanly() { return store_ ? store_->close_cleanly() : result<void>(); }

void granter::update_gate(const std::optional<time_estimate>& t, const std::function<bool()>& trusted) {
    const auto floor = store_->floor();
    // With a floor that holds it does not matter.
    carry_out(gate_.update(t, !t || granting::gate::holds(floor, *t) || trusted(), floor));
}

void granter::carry_out(granting::actions todo) {
    for (auto& action : todo)
        std::visit(
            each_of{
                [this](granting::redeem& r) {
                    if (r.shared) return redeem_shared(r);
                    ask_shell(
                        [&](const auto& take) {
                            store_->redeem(std::move(r.tokens), std::move(r.grants), take);
                        },
                        [this, batch = r.batch](const result<void>& done) {
                            carry_out(pipeline_->redeemed(batch, done, boot_now()));
                        });
                },
                [this](granting::forget& f) { store_->forget(std::move(f.tokens)); },
                [this](const granting::open_services& o) {
                    std::vector<firewall::change> opens;
                    const auto key = pipeline_->key_of(o.knock);
                    for (const auto& g : o.what) opens.push_back({g.who, g.service, g.open_for, key});
                    apply(o.knock, std::move(opens));
                },
                [this](const granting::close_services& c) {
                    std::vector<firewall::change> closes;
                    for (const auto& one : c.what) closes.push_back({one.who, one.service, one.left});
                    apply(c.knock, std::move(closes));
                },
                [this](const granting::guard_from& g) { pipeline_->set_floor(g.floor, g.provisional); },
                [this](const granting::write_floor& w) {
                    ask_shell([&](const auto& take) { take(store_->set_floor(w.floor)); },
                              [this](const result<void>& done) { carry_out(gate_.written(done)); });
                },
                [this](granting::note& n) {
                    if (noted_) noted_(n.entry);
                    store_->note(std::move(n.entry), told_of_closing_);
                },
                [](const granting::tell& t) { log::write(level_of(t.level), t.line); },
            },
            action);
}

void granter::apply(std::uint64_t knock, std::vector<firewall::change> changes) {
    ask_shell([&](const auto& take) { firewall_->apply(std::move(changes), take); },
              [this, knock](const result<void>& done) {
                  carry_out(pipeline_->carried_out(knock, done, boot_now()));
              });
}

} // namespace chronoknock::io

// Keys of a fleet: the claims that its store decides on, and what other hosts have made of theirs. The way of
// a claim is in pipeline.cpp.
#include "grant/openings.hpp"
#include "grant/pipeline.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace chronoknock::granting {

namespace {

constexpr std::size_t most_lost = 1000;
constexpr std::size_t most_unrecorded = 100'000;

bool is_of(const shared_grant& g, const burnt& b) {
    return g.key == b.key && g.place == b.place && g.identity == b.identity;
}

bool is_in_place_of(const shared_grant& g, const shared_grant& other) {
    return g.key == other.key && g.who == other.who && g.service == other.service;
}

} // namespace

/// A batch of its own: what the fleet says of it is no other claim's concern.
redeem pipeline::redeem_shared(const claim& c, knock k) {
    redeem r{++last_number_, {k.once}, {}, shared_claim{c.once.slack, k.key}};
    record(c, k, r.grants);
    for (const auto& o : k.openings) r.shared->longest = std::max(r.shared->longest, o.open_for);
    if (k.wish == claim::wish::close)
        for (const auto& o : k.openings) r.shared->closes.emplace_back(o.who, o.service);
    std::vector<knock> one;
    one.push_back(std::move(k));
    redeeming_.emplace(r.batch, std::move(one));
    return r;
}

actions pipeline::shared_redeemed(std::uint64_t batch, const shared_outcome& o, instant now) {
    using kind = shared_outcome::kind;
    if (const auto on_its_way = redeeming_.find(batch); on_its_way != redeeming_.end())
        for (const auto& k : on_its_way->second) settle_contest(k.once, o.is == kind::burnt);
    if (o.is == kind::burnt) return redeemed(batch, {}, now);
    if (o.is == kind::failed) return redeemed(batch, error{o.why}, now);
    actions todo;
    auto found = redeeming_.extract(batch);
    if (found.empty()) return todo;
    for (const auto& k : found.mapped()) {
        guard_.used_up(k.once);
        if (k.refused) continue; // that was told
        if (o.is == kind::repeated) {
            ++counters_.repeated;
            continue;
        }
        std::string services;
        for (const auto& one : k.openings)
            if (services.find(one.service) == services.npos)
                services += (services.empty() ? "" : ", ") + one.service;
        refuse(k.key, k.source, k.description, services, o.why, now, k.once.accepted, todo);
    }
    return todo;
}

std::optional<burnt> pipeline::revoked_on_its_way(std::uint64_t batch) const {
    const auto found = redeeming_.find(batch);
    if (found == redeeming_.end()) return {};
    const auto revoked =
        std::ranges::find_if(found->second, [](const knock& k) { return !k.revoked.empty(); });
    return revoked == found->second.end() ? std::nullopt : std::optional(revoked->once);
}

/// A token of which another host's grant was heard before the fleet had answered here.
void pipeline::settle_contest(const burnt& once, bool is_ours) {
    const auto same = [&](const shared_grant& g) { return is_of(g, once); };
    if (!is_ours) {
        std::ranges::copy_if(contested_, std::back_inserter(freed_), same);
        if (lost_.size() == most_lost) lost_.pop_front();
        lost_.push_back(once);
    }
    std::erase_if(contested_, same);
}

const terms::key* pipeline::shared_key(const std::string& fingerprint) const {
    const auto found = std::ranges::find_if(
        terms_.keys, [&](const terms::key& k) { return k.shared && k.fingerprint == fingerprint; });
    return found == terms_.keys.end() ? nullptr : &*found;
}

std::string pipeline::fingerprint_of(const std::string& key) const {
    const auto found = std::ranges::find(terms_.keys, key, &terms::key::name);
    return found == terms_.keys.end() || !found->shared ? std::string() : found->fingerprint;
}

/// What a grant of another host is to open here, if anything. This host's configuration has the last word.
std::optional<opening> pipeline::to_share(const shared_grant& g, instant, unix_time t) const {
    const auto* const k = shared_key(g.key);
    if (!k || (k->until && t >= *k->until) || !may_open(*k, g.who, g.service)) return {};
    const auto& s = *std::ranges::find(terms_.services, g.service, &terms::service::name);
    // In whole milliseconds, as people read them.
    const nanoseconds left =
        std::min<nanoseconds>(std::chrono::floor<milliseconds>(g.until - t), s.most_open_for);
    if (left <= nanoseconds(0)) return {};
    return opening{g.who, g.service, left};
}

/// True if this host had it open, and has lost it with its firewall's memory.
bool pipeline::was_open_before(const shared_grant& g, const std::string& key) const {
    const auto found = recallable_.find({key, {g.who, g.service}});
    return found != recallable_.end() && found->second.at == g.accepted;
}

/// True if its knock has opened here, or was refused here.
bool pipeline::is_known(const shared_grant& g) const {
    return guard_.is_burnt(g.key, g.place, g.identity) || unrecorded_.contains({g.key, g.place, g.identity});
}

/// What the firewall has failed to open is open on the other hosts, and is to be so here as well.
void pipeline::retry_opening(const knock& k) {
    std::ranges::copy(k.shared, std::back_inserter(unopened_));
    if (!k.shared.empty() || k.wish != claim::wish::open || !shared_key(k.once.key)) return;
    for (const auto& o : k.openings)
        unopened_.push_back({k.once.key, k.key, o.who, o.service, k.once.place, k.once.identity,
                             k.once.accepted, k.once.accepted + o.open_for, "this host"});
}

void pipeline::share_opened(std::span<const shared_grant> opened, bool is_freed, instant now, unix_time t,
                            actions& todo) {
    // What one knock opens is one batch: the first of its grants burns the token for all.
    std::vector<std::pair<bool, knock>> knocks;
    std::set<token_name> opened_now; ///< by tokens that were lost here
    for (const auto& g : opened) {
        const auto o = to_share(g, now, t);
        if (!o) continue;
        const auto& key = shared_key(g.key)->name;
        if (guard_.is_reserved(g.key, g.place, g.identity)) {
            contested_.push_back(g);
            continue;
        }
        if (std::ranges::any_of(lost_, [&](const burnt& b) { return is_of(g, b); }))
            opened_now.insert({g.key, g.place, g.identity});
        const bool is_new = is_freed || opened_now.contains({g.key, g.place, g.identity}) || !is_known(g);
        if (!is_new && !was_open_before(g, key)) continue;
        recallable_.erase({key, {g.who, g.service}});
        if (!is_new && holders_.holds(key, g.who, g.service, now)) continue;
        const auto same = [&](const auto& one) {
            const auto& [was_new, k] = one;
            return was_new == is_new && is_of(g, k.once);
        };
        auto k = std::ranges::find_if(knocks, same);
        if (k == knocks.end()) {
            const burnt once{g.key, g.place, g.identity, g.who.network, g.accepted};
            knocks.push_back({is_new, {once, claim::wish::open, key, {}, {}, now}});
            k = std::prev(knocks.end());
        }
        k->second.openings.push_back(*o);
        k->second.shared.push_back(g);
    }
    std::erase_if(lost_, [&](const burnt& b) { return opened_now.contains({b.key, b.place, b.identity}); });
    for (auto& [is_new, k] : knocks) open_shared(std::move(k), is_new, now, t, todo);
}

void pipeline::open_shared(knock k, bool is_new, instant now, unix_time t, actions& todo) {
    const auto& fingerprint = k.once.key;
    k.line =
        "key " + k.key + " opens " + in_words(k.openings, true) + ", by a knock on " + k.shared.front().host;
    const auto number = ++last_number_;
    if (!is_new) {
        todo.push_back(open(number, k, now));
        opening_.emplace(number, std::move(k));
        return;
    }
    redeem r{number, {k.once}, {}};
    for (std::size_t i = 0; i < k.openings.size(); ++i) {
        const auto& o = k.openings[i];
        r.grants.push_back({k.key, fingerprint, o.who, o.service, k.once.accepted,
                            is_until_idle(o.service) ? unix_time::max() : t + o.open_for});
    }
    if (!guard_.learn(k.once) && unrecorded_.size() < most_unrecorded)
        unrecorded_.insert_or_assign({k.once.key, k.once.place, k.once.identity},
                                     std::ranges::max(k.shared, {}, &shared_grant::until).until);
    std::vector<knock> one;
    one.push_back(std::move(k));
    redeeming_.emplace(number, std::move(one));
    todo.push_back(std::move(r));
}

/// What was open when this process began, and the fleet has no more.
void pipeline::add_gone(std::span<const shared_grant> all, std::vector<shared_grant>& closed) {
    for (const auto& [key, one] : std::exchange(recalled_, {})) {
        const auto fingerprint = fingerprint_of(key);
        if (fingerprint.empty()) continue;
        const auto same = [&](const shared_grant& g) {
            return g.key == fingerprint && g.who == one.first && g.service == one.second;
        };
        if (std::ranges::any_of(all, same)) continue;
        shared_grant g;
        g.key = fingerprint;
        g.who = one.first;
        g.service = one.second;
        closed.push_back(std::move(g));
    }
}

pipeline::revoking pipeline::share_closed(const shared_changes& changes, instant now, unix_time when) {
    auto closed = changes.closed;
    if (changes.whole) add_gone(changes.opened, closed);
    if (closed.empty()) return {};
    const auto is_meant = [&](const std::string& key, const prefix& who, const std::string& service) {
        const auto fingerprint = fingerprint_of(key);
        return std::ranges::any_of(closed, [&](const shared_grant& g) {
            return g.key == fingerprint && g.who == who && g.service == service;
        });
    };
    // A knock on its way that is not the one that was closed comes after it.
    const auto is_coming = [&](const knock& k) {
        return std::ranges::any_of(closed, [&](const shared_grant& g) { return is_of(g, k.once); });
    };
    auto ends = end(is_meant, {}, "closed on another host of the fleet", now, when, is_coming);
    for (const auto& g : closed) {
        std::erase_if(lost_, [&](const burnt& b) { return is_of(g, b); });
        if (const auto* const k = shared_key(g.key)) recallable_.erase({k->name, {g.who, g.service}});
    }
    return ends;
}

pipeline::sharing pipeline::share(const shared_changes& changes, instant now, unix_time t) {
    clock_ = t;
    carry_on(now, t);
    sharing s{};
    s.ends = share_closed(changes, now, t);
    auto opened = std::exchange(unopened_, {});
    for (const auto& g : opened) // it is burnt, and was not open
        if (const auto* const k = shared_key(g.key))
            recallable_.insert_or_assign({k->name, {g.who, g.service}},
                                         opened_grant{k->name, g.key, g.who, g.service, g.accepted, g.until});
    std::erase_if(opened, [&](const shared_grant& g) {
        return std::ranges::any_of(changes.opened,
                                   [&](const shared_grant& o) { return is_in_place_of(g, o); });
    });
    std::ranges::copy(changes.opened, std::back_inserter(opened));
    share_opened(std::exchange(freed_, {}), true, now, t, s.todo);
    share_opened(opened, false, now, t, s.todo);
    redeem learnt{0, {}};
    for (const auto& b : changes.tokens) {
        const auto same = [&](const burnt& o) {
            return o.key == b.key && o.place == b.place && o.identity == b.identity;
        };
        // One that was lost here, and opens nothing here, is known, and not on the record yet.
        const bool is_unwritten = std::ranges::any_of(lost_, same);
        if (!shared_key(b.key) || (guard_.is_burnt(b.key, b.place, b.identity) && !is_unwritten)) continue;
        if (guard_.learn(b)) learnt.tokens.push_back(b);
    }
    if (!learnt.tokens.empty()) {
        learnt.batch = ++last_number_; // nobody waits for it
        s.todo.push_back(std::move(learnt));
    }
    if (auto displaced = guard_.take_displaced(); !displaced.empty())
        s.todo.push_back(forget{std::move(displaced)});
    if (!changes.whole) return s;
    for (auto& [whose, g] : std::exchange(recallable_, {})) s.over.push_back(std::move(g));
    return s;
}

} // namespace chronoknock::granting

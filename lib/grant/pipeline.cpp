#include "grant/pipeline.hpp"

#include "base/text.hpp"
#include "grant/openings.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <set>
#include <utility>

namespace chronoknock::granting {

namespace {

std::string in_milliseconds(nanoseconds d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", std::chrono::duration<double, std::milli>(d).count());
    return text;
}

} // namespace

terms pipeline::set_terms(terms t) {
    t.index();
    const auto same = [&](const opening& o) {
        const auto was = std::ranges::find(terms_.services, o.service, &terms::service::name);
        const auto is = std::ranges::find(t.services, o.service, &terms::service::name);
        return was != terms_.services.end() && is != t.services.end() && was->ports == is->ports &&
               was->uses == is->uses;
    };
    for (auto& [batch, knocks] : redeeming_)
        for (auto& k : knocks) k.outdated = k.outdated || !std::ranges::all_of(k.openings, same);
    holders_.keep([&](const std::string& service) { return same({{}, service, {}}); });
    std::erase_if(earlier_, [&](const auto& one) { return !same({{}, one.first.second, {}}); });
    std::size_t next = 0; // most stand in the order in which they stood
    for (const auto& was : terms_.keys) {
        const auto* const is = t.find(was.name, next);
        if (is && is->fingerprint != was.fingerprint) renewed_.insert(was.name);
        if (is) next = static_cast<std::size_t>(is - t.keys.data()) + 1;
    }
    std::erase_if(of_keys_, [&](const auto& one) { return !t.find(one.first); });
    std::swap(terms_, t);
    std::erase_if(idle_, [&](const auto& one) {
        const auto& [who, service] = one.first;
        return !is_until_idle(service) || holders_.keys_of(who, service, instant{}).empty();
    });
    return t;
}

/// For the history: what became of what a knock asks for, to one address.
note pipeline::noted(const knock& k, history_entry::kind kind, const std::vector<opening>& of_one,
                     const std::string& why) {
    return {{k.once.accepted, kind, k.key, of_one.front().who, services_of(of_one), why}};
}

pipeline::key_counters& pipeline::counters_of(const std::string& key) {
    auto& c = of_keys_[key];
    if (c.order == 0) c.order = ++last_order_;
    return c;
}

actions pipeline::judge(std::span<const claim> claims, instant now, const time_estimate& t) {
    clock_ = t.t;
    carry_on(now, t.t);
    actions todo;
    redeem batch{0, {}};
    std::vector<knock> accepted;
    for (const auto& c : claims) {
        if (!c.unfit.empty()) {
            refuse(c, c.unfit, now, t.t, todo);
            continue;
        }
        if (const auto& until = terms_.keys[c.key].until; until && t.t >= *until) {
            refuse(c, "the key was good until " + utc(to_seconds(*until)) + " UTC", now, t.t, todo);
            continue;
        }
        const auto& key = terms_.keys[c.key];
        const auto verdict = guard_.judge(
            {c.once, c.beneficiary, key.knock_delay, t.t, {t.t - (now - c.first), t.error}, key.bound});
        if (verdict == judgement::repeated) {
            ++counters_.repeated;
            continue;
        }
        const auto why =
            verdict == judgement::accepted ? too_many(c, accepted, now) : std::string(to_string(verdict));
        if (!why.empty()) refuse(c, why, now, t.t, todo);
        if (verdict != judgement::accepted && verdict != judgement::used_up) continue;
        if (!why.empty() && c.once.reusable) { // a copy is as good as it is for ever
            guard_.failed(replay_guard::burnt_of(c.once, c.beneficiary, t.t));
            continue;
        }
        auto k = why.empty() ? accept(c, now, t.t) : use_up(c, now, t.t);
        if (key.shared) {
            todo.push_back(redeem_shared(c, std::move(k)));
            continue;
        }
        accepted.push_back(std::move(k));
        batch.tokens.push_back(accepted.back().once);
        record(c, accepted.back(), batch.grants);
    }
    if (accepted.empty()) return todo;
    batch.batch = ++last_number_;
    redeeming_.emplace(batch.batch, std::move(accepted));
    todo.push_back(std::move(batch));
    return todo;
}

/// Why a claim would give its key more grants than it may have; empty: it would not. What is renewed counts
/// once.
std::string pipeline::too_many(const claim& c, std::span<const knock> accepted, instant now) const {
    const auto& key = terms_.keys[c.key];
    if (key.max_grants == 0 || c.what == claim::wish::close) return {};
    auto grants = holders_.held_by(key.name, now);
    const auto add = [&](const knock& k) {
        if (k.key != key.name || k.wish != claim::wish::open || k.outdated || !k.revoked.empty()) return;
        for (const auto& o : k.openings) grants.emplace(o.who, o.service);
    };
    for (const auto& [batch, knocks] : redeeming_) std::ranges::for_each(knocks, add);
    std::ranges::for_each(accepted, add);
    const auto before = grants.size();
    for (const auto& o : openings_of(c)) grants.emplace(o.who, o.service);
    if (grants.size() <= std::max<std::size_t>(before, key.max_grants)) return {};
    return "its key has " + std::to_string(before) + (before == 1 ? " grant" : " grants") +
           ", and max_grants is " + std::to_string(key.max_grants);
}

/// Whom a key's grant is to, if an address earns it. The addresses of a link, or of this host, are no
/// carrier's.
prefix pipeline::around(const address& a, const terms::key& k) {
    return a.is_link_local() ? prefix(a) : prefix(a, a.is_v4() ? k.prefix4 : k.prefix6);
}

/// What a claim opens, or closes.
std::vector<opening> pipeline::openings_of(const claim& c) const {
    std::vector<opening> all;
    const auto add = [&](const address& a) {
        // What is closed is what there is (close()).
        const auto who = c.what == claim::wish::open ? around(a, terms_.keys[c.key]) : prefix(a);
        for (const auto index : c.services) {
            const auto& s = terms_.services[index];
            all.push_back({who, s.name, c.open_for ? std::min(*c.open_for, s.most_open_for) : s.open_for});
        }
    };
    add(c.beneficiary);
    if (c.paired) add(*c.paired);
    return all;
}

pipeline::knock pipeline::accept(const claim& c, instant now, unix_time t) const {
    const auto& key = terms_.keys[c.key];
    knock k{replay_guard::burnt_of(c.once, c.beneficiary, t), c.what, key.name, openings_of(c), {}, now};
    const bool opens = c.what == claim::wish::open;
    k.source = c.source;
    k.description = c.description;
    k.line = "key " + key.name + (opens ? " opens " : " closes ") + in_words(k.openings, opens) + ", " +
             c.description;
    return k;
}

/// Whoever has seen a refused knock could use it later, or from elsewhere, were it not burnt.
pipeline::knock pipeline::use_up(const claim& c, instant now, unix_time t) const {
    knock k{replay_guard::burnt_of(c.once, c.beneficiary, t), c.what, terms_.keys[c.key].name, {}, {}, now};
    k.refused = true;
    return k;
}

void pipeline::refuse(const claim& c, const std::string& why, instant now, unix_time t, actions& todo) {
    std::string services;
    for (const auto index : c.services)
        services += (services.empty() ? "" : ", ") + terms_.services[index].name;
    refuse(terms_.keys[c.key].name, c.source, c.description, services, why, now, t, todo);
}

void pipeline::refuse(const std::string& key, const address& source, const std::string& description,
                      const std::string& services, const std::string& why, instant now, unix_time t,
                      actions& todo) {
    ++counters_.refused;
    ++counters_of(key).refused;
    const auto what = "key " + key + ", " + description + ": " + why;
    if (!refusals_.refused(source, what, now)) return;
    todo.push_back(tell{severity::warning, "refused a knock from " + source.to_string() + ", " + what});
    todo.push_back(note{{t, history_entry::kind::refused, key, source, services, why}});
}

actions pipeline::redeemed(std::uint64_t batch, const result<void>& done, instant now) {
    actions todo;
    auto found = redeeming_.extract(batch);
    if (found.empty()) return todo;
    for (auto& k : found.mapped()) {
        if (k.refused) {
            done ? guard_.used_up(k.once) : guard_.failed(k.once);
            continue;
        }
        if (!k.revoked.empty()) {
            drop_revoked(k, todo);
            continue;
        }
        if (!done || k.outdated) {
            fail(k, done ? error{"the configuration of the service has changed meanwhile"} : done.error(),
                 now, todo);
            continue;
        }
        const auto number = ++last_number_;
        if (k.wish == claim::wish::open) {
            todo.push_back(open(number, k, now));
            opening_.emplace(number, std::move(k));
            continue;
        }
        auto closing = close(number, k, now);
        const bool nothing = closing.what.empty();
        opening_.emplace(number, std::move(k));
        if (!nothing)
            todo.push_back(std::move(closing));
        else
            std::ranges::move(carried_out(number, {}, now), std::back_inserter(todo));
    }
    if (!done) return todo;
    if (auto displaced = guard_.take_displaced(); !displaced.empty())
        todo.push_back(forget{std::move(displaced)});
    return todo;
}

bool pipeline::has_uses(const std::string& service) const {
    const auto found = std::ranges::find(terms_.services, service, &terms::service::name);
    return found != terms_.services.end() && found->uses > 0;
}

/// The firewall has one opening for all keys: it lasts as long as the longest. Where that has a number of
/// uses, the newest takes the place of the others: how many of theirs are left nobody knows.
action pipeline::open(std::uint64_t number, knock& k, instant now) {
    auto openings = k.openings;
    for (auto& o : openings) {
        const auto end = now + o.open_for + grace_of(o.service);
        k.tickets.push_back(holders_.hold(k.key, o.who, o.service, end, now));
        if (has_uses(o.service)) continue;
        if (const auto left = left_for_others(k.key, o.who, o.service, now))
            o.open_for = std::max(o.open_for, *left);
    }
    return open_services{number, std::move(openings)};
}

/// What the key does not hold it does not close, and what another one holds as well stays open for that.
close_services pipeline::close(std::uint64_t number, knock& k, instant now) {
    close_services c{number, {}};
    std::vector<opening> held;
    const auto all = holders_.held_by(k.key, now);
    for (const auto& o : k.openings)
        for (const auto& [who, service] : all)
            if (service == o.service && who.contains(o.who.network) &&
                (!has_uses(service) || holders_.holds_newest(k.key, who, service, now)))
                held.push_back({who, service, o.open_for});
    k.openings = std::move(held);
    for (const auto& o : k.openings) {
        k.tickets.push_back(holders_.hold(k.key, o.who, o.service, {}, now));
        c.what.push_back(
            {o.who, o.service,
             has_uses(o.service) ? std::nullopt : left_for_others(k.key, o.who, o.service, now)});
    }
    if (c.what.empty()) k.line += ", which had none of it open";
    return c;
}

actions pipeline::carried_out(std::uint64_t number, const result<void>& done, instant now) {
    actions todo;
    const auto found = opening_.extract(number);
    if (found.empty()) return todo;
    const auto& k = found.mapped();
    const bool opens = k.wish == claim::wish::open;
    for (std::size_t i = 0; i < k.openings.size(); ++i) {
        const auto& o = k.openings[i];
        if (done)
            holders_.settle(k.key, o.who, o.service, k.tickets[i], has_uses(o.service));
        else
            holders_.undo(o.who, o.service, k.tickets[i]);
        if (done) note_idle(o.who, o.service, opens, now);
    }
    if (!done) {
        fail(k, done.error(), now, todo);
        retry_opening(k);
        return todo;
    }
    guard_.opened(k.once);
    ++(k.shared.empty() ? counters_.granted : counters_.shared);
    if (opens && k.shared.empty()) {
        delays_.add(now - k.seen);
        auto& of_key = counters_of(k.key);
        ++of_key.granted;
        of_key.last = k.once.accepted;
        if (!k.openings.empty()) of_key.from = k.openings.front().who;
    }
    if (knocks_told_.tell(k.key, now))
        todo.push_back(tell{severity::info, k.line + " (" + in_milliseconds(now - k.seen) + ")"});
    for (const auto& of_one : by_address(k.openings))
        todo.push_back(opens ? noted(k, history_entry::kind::granted, of_one, durations_of(of_one))
                             : noted(k, history_entry::kind::revoked, of_one));
    for (const auto& o : k.openings) {
        const firewall::change c{o.who, o.service, opens ? std::optional(o.open_for) : std::nullopt};
        expiries_.note({&c, 1}, k.key, k.once.accepted, now, grace_of(o.service));
    }
    return todo;
}

void pipeline::fail(const knock& k, const error& why, instant now, actions& todo) {
    guard_.failed(k.once);
    ++counters_.failed;
    if (!knocks_told_.tell(k.key, now)) return;
    const auto undone = k.wish == claim::wish::open ? ": not opened: " : ": not closed: ";
    todo.push_back(tell{severity::error, k.line + undone + why.text});
    for (const auto& of_one : by_address(k.openings))
        todo.push_back(noted(k, history_entry::kind::failed, of_one, why.text));
}

actions pipeline::due(instant now) {
    actions todo;
    for (const auto& line : refusals_.due(now)) {
        const auto more = std::to_string(line.count) + " more";
        todo.push_back(
            tell{severity::warning, "refused " + more + " from " +
                                        (line.who ? line.who->to_string() : "many other addresses") +
                                        ", the latest " + line.what});
        if (clock_)
            todo.push_back(note{{*clock_, history_entry::kind::refused, "", line.who, "",
                                 more + ", the latest " + line.what}});
    }
    for (auto& entry : expiries_.due(now)) todo.push_back(note{std::move(entry)});
    for (const auto& line : knocks_told_.due(now))
        todo.push_back(tell{severity::info, "key " + line.what + ": " + std::to_string(line.count) +
                                                " more knocks, opened or not"});
    return todo;
}

actions pipeline::prune(unix_time now) {
    actions todo;
    std::erase_if(unrecorded_, [now](const auto& one) { return one.second <= now; });
    if (auto forgotten = guard_.prune(now); !forgotten.empty()) todo.push_back(forget{std::move(forgotten)});
    return todo;
}

} // namespace chronoknock::granting

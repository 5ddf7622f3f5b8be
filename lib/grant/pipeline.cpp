#include "grant/pipeline.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace chronoknock::granting {

namespace {

std::string in_milliseconds(nanoseconds d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", std::chrono::duration<double, std::milli>(d).count());
    return text;
}

/// "ssh, web", or with `each` "ssh for 30s, web for 1m".
std::string list(const std::vector<opening>& openings, bool with_duration) {
    std::string all;
    for (const auto& o : openings) {
        all += (all.empty() ? "" : ", ") + o.service;
        if (with_duration) all += " for " + chronoknock::to_string(o.open_for);
    }
    return all;
}

} // namespace

void pipeline::set_terms(terms t) {
    const auto same = [&](const opening& o) {
        const auto was = std::ranges::find(terms_.services, o.service, &terms::service::name);
        const auto is = std::ranges::find(t.services, o.service, &terms::service::name);
        return was != terms_.services.end() && is != t.services.end() && was->ports == is->ports &&
               was->uses == is->uses;
    };
    for (auto& [batch, knocks] : redeeming_)
        for (auto& k : knocks) k.outdated = k.outdated || !std::ranges::all_of(k.openings, same);
    terms_ = std::move(t);
}

actions pipeline::judge(std::span<const claim> claims, instant now, const time_estimate& t) {
    clock_ = t.t;
    actions todo;
    redeem batch{last_number_ + 1, {}};
    std::vector<knock> accepted;
    for (const auto& c : claims) {
        if (!c.unfit.empty()) {
            refuse(c, c.unfit, now, t.t, todo);
            continue;
        }
        const auto verdict = guard_.judge(
            {c.once, c.beneficiary, terms_.keys[c.key].knock_delay, t.t, {t.t - (now - c.first), t.error}});
        switch (verdict) {
        case judgement::accepted:
            accepted.push_back(accept(c, now, t.t));
            batch.tokens.push_back(accepted.back().once);
            break;
        case judgement::repeated:
            ++counters_.repeated;
            break;
        default:
            refuse(c, std::string(to_string(verdict)), now, t.t, todo);
        }
    }
    if (accepted.empty()) return todo;
    redeeming_.emplace(++last_number_, std::move(accepted));
    todo.push_back(std::move(batch));
    return todo;
}

pipeline::knock pipeline::accept(const claim& c, instant now, unix_time t) const {
    const auto& key = terms_.keys[c.key];
    knock k{replay_guard::burnt_of(c.once, c.beneficiary, t), c.what, key.name, {}, {}, now};
    for (const auto index : c.services) {
        const auto& s = terms_.services[index];
        k.openings.push_back(
            {c.beneficiary, s.name, c.open_for ? std::min(*c.open_for, s.most_open_for) : s.open_for});
    }
    const bool opens = c.what == claim::wish::open;
    k.line = "key " + key.name + (opens ? " opens " : " closes ") + list(k.openings, opens) + " to " +
             c.beneficiary.to_string() + ", " + c.description;
    return k;
}

void pipeline::refuse(const claim& c, const std::string& why, instant now, unix_time t, actions& todo) {
    ++counters_.refused;
    const auto& key = terms_.keys[c.key].name;
    const auto what = "key " + key + ", " + c.description + ": " + why;
    if (!refusals_.refused(c.source, what, now)) return;
    todo.push_back(tell{severity::warning, "refused a knock from " + c.source.to_string() + ", " + what});
    std::string services;
    for (const auto index : c.services)
        services += (services.empty() ? "" : ", ") + terms_.services[index].name;
    todo.push_back(note{{t, history_entry::kind::refused, key, c.source, std::move(services), why}});
}

actions pipeline::redeemed(std::uint64_t batch, const result<void>& done, instant now) {
    actions todo;
    auto found = redeeming_.extract(batch);
    if (found.empty()) return todo;
    for (auto& k : found.mapped()) {
        if (!done || k.outdated) {
            fail(k, done ? error{"the configuration of the service has changed meanwhile"} : done.error(),
                 now, todo);
            continue;
        }
        const auto number = ++last_number_;
        if (k.wish == claim::wish::open) {
            todo.push_back(open_services{number, k.openings});
        } else {
            close_services c{number, *k.once.who, {}};
            for (const auto& o : k.openings) c.services.push_back(o.service);
            todo.push_back(std::move(c));
        }
        opening_.emplace(number, std::move(k));
    }
    if (!done) return todo;
    if (auto displaced = guard_.take_displaced(); !displaced.empty())
        todo.push_back(forget{std::move(displaced)});
    return todo;
}

actions pipeline::carried_out(std::uint64_t number, const result<void>& done, instant now) {
    actions todo;
    const auto found = opening_.extract(number);
    if (found.empty()) return todo;
    const auto& k = found.mapped();
    if (!done) {
        fail(k, done.error(), now, todo);
        return todo;
    }
    guard_.opened(k.once);
    ++counters_.granted;
    if (knocks_told_.tell(k.key, now))
        todo.push_back(tell{severity::info, k.line + " (" + in_milliseconds(now - k.seen) + ")"});
    const auto kind =
        k.wish == claim::wish::open ? history_entry::kind::granted : history_entry::kind::revoked;
    todo.push_back(note{{k.once.accepted, kind, k.key, k.once.who, list(k.openings, false), ""}});
    std::vector<firewall::change> changes;
    for (const auto& o : k.openings)
        changes.push_back(
            {o.who, o.service, k.wish == claim::wish::open ? std::optional(o.open_for) : std::nullopt});
    expiries_.note(changes, k.key, k.once.accepted, now);
    return todo;
}

void pipeline::fail(const knock& k, const error& why, instant now, actions& todo) {
    guard_.failed(k.once);
    ++counters_.failed;
    if (!knocks_told_.tell(k.key, now)) return;
    const auto undone = k.wish == claim::wish::open ? ": not opened: " : ": not closed: ";
    todo.push_back(tell{severity::error, k.line + undone + why.text});
    todo.push_back(note{{k.once.accepted, history_entry::kind::failed, k.key, k.once.who,
                         list(k.openings, false), why.text}});
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
    if (auto forgotten = guard_.prune(now); !forgotten.empty()) todo.push_back(forget{std::move(forgotten)});
    return todo;
}

} // namespace chronoknock::granting

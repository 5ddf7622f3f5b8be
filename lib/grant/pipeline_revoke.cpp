// How grants end before their time: somebody revokes them, or their key is gone. The way of a claim is in
// pipeline.cpp.
#include "grant/openings.hpp"
#include "grant/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::granting {

pipeline::revoking pipeline::revoke(const revocation& r, std::span<const firewall::live_grant> open,
                                    instant now, unix_time when) {
    const auto is_meant = [&](const std::string& key, const prefix& who, const std::string&) {
        return (r.key.empty() || key == r.key) && (!r.who || who.overlaps(*r.who));
    };
    std::vector<firewall::live_grant> unheld;
    if (r.key.empty())
        for (const auto& g : open)
            if (is_meant({}, g.who, g.service)) unheld.push_back(g);
    return end(is_meant, unheld, r.why, now, when);
}

bool pipeline::may_open(const terms::key& k, const prefix& who, const std::string& service) const {
    return (who.is_single() || around(who.network, k) == who) &&
           std::ranges::any_of(k.services,
                               [&](auto index) { return terms_.services[index].name == service; });
}

pipeline::revoking pipeline::revoke_unentitled(instant now, unix_time when) {
    auto renewed = std::exchange(renewed_, {});
    owes_revoking_ = false;
    const auto is_meant = [&](const std::string& key, const prefix& who, const std::string& service) {
        const auto* const k = terms_.find(key);
        return renewed.contains(key) || !k || !may_open(*k, who, service);
    };
    auto r = end(is_meant, {}, "its key is gone, or may not open it any more", now, when);
    if (r.number != 0) ending_.at(r.number).renewed = std::move(renewed);
    return r;
}

/// A knock that is being written down would open what has just been ended. It stays burnt: its later rounds,
/// or a copy, earn nothing either.
std::size_t pipeline::stop_coming(const meant& is_meant, const std::string& why, const knock_meant& coming) {
    std::size_t stopped = 0;
    for (auto& [batch, knocks] : redeeming_)
        for (auto& k : knocks) {
            if (k.wish != claim::wish::open || !k.revoked.empty() || (coming && !coming(k))) continue;
            const auto ends = [&](const opening& o) { return is_meant(k.key, o.who, o.service); };
            if (std::ranges::none_of(k.openings, ends)) continue;
            k.revoked = why;
            ++stopped;
        }
    return stopped;
}

void pipeline::drop_revoked(const knock& k, actions& todo) {
    guard_.opened(k.once);
    ++counters_.failed;
    todo.push_back(tell{severity::warning, k.line + ": revoked on its way, " + k.revoked});
    for (const auto& of_one : by_address(k.openings))
        todo.push_back(noted(k, history_entry::kind::revoked, of_one, "on its way, " + k.revoked));
}

pipeline::revoking pipeline::end(const meant& is_meant, std::span<const firewall::live_grant> unheld,
                                 const std::string& why, instant now, unix_time when,
                                 const knock_meant& coming) {
    carry_on(now, when);

    ending ends{{}, why, when, 0};
    std::set<std::pair<prefix, std::string>> grants;
    for (const auto& h : holders_.all(now)) {
        if (!is_meant(h.key, h.who, h.service)) continue;
        // Of a grant with uses the newest has taken the place of the others.
        if (!has_uses(h.service) || h.newest) grants.emplace(h.who, h.service);
        ends.grants.push_back(
            {h.who, h.service, h.key, holders_.hold(h.key, h.who, h.service, std::nullopt, now)});
    }
    for (const auto& g : unheld)
        if (grants.emplace(g.who, g.service).second) ends.grants.push_back({g.who, g.service, "", 0});
    // Of other hosts, and not open here yet.
    const auto is_ended = [&](const shared_grant& g) {
        const auto* const k = shared_key(g.key);
        return k && is_meant(k->name, g.who, g.service);
    };
    for (auto* const waiting : {&unopened_, &contested_, &freed_}) std::erase_if(*waiting, is_ended);

    revoking r{0, {}, grants.size(), stop_coming(is_meant, why, coming)};
    for (const auto& [who, service] : grants) {
        r.changes.push_back(
            {who, service, has_uses(service) ? std::nullopt : left_for_others({}, who, service, now)});
    }
    ends.count = grants.size();
    if (ends.grants.empty()) return r;
    r.number = ++last_number_;
    ending_.emplace(r.number, std::move(ends));
    return r;
}

actions pipeline::revoked(std::uint64_t number, const result<void>& done, instant now) {
    actions todo;
    auto found = ending_.extract(number);
    if (found.empty()) return todo;
    auto& e = found.mapped();
    for (const auto& g : e.grants)
        if (done)
            holders_.settle(g.key, g.who, g.service, g.ticket, has_uses(g.service));
        else
            holders_.undo(g.who, g.service, g.ticket);
    if (done)
        for (const auto& g : e.grants) note_idle(g.who, g.service, false, now);
    const auto so_many = std::to_string(e.count) + (e.count == 1 ? " grant" : " grants");
    if (!done) {
        if (e.renewed) {
            renewed_.merge(*e.renewed);
            owes_revoking_ = true;
        }
        todo.push_back(tell{severity::error, so_many + " not ended (" + e.why + "): " + done.error().text});
        return todo;
    }
    if (e.count > 0) todo.push_back(tell{severity::info, so_many + " ended: " + e.why});
    std::map<std::pair<std::string, prefix>, std::string> services;
    for (const auto& g : e.grants) {
        auto& list = services[{g.key, g.who}];
        list += (list.empty() ? "" : ", ") + g.service;
        const firewall::change closed{g.who, g.service, std::nullopt};
        expiries_.note({&closed, 1}, g.key, e.when, now);
    }
    for (auto& [whose, list] : services)
        todo.push_back(note{{e.when, e.kind, whose.first, whose.second, std::move(list), e.why}});
    return todo;
}

} // namespace chronoknock::granting

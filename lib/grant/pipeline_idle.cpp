// Grants that live until their last connection has ended (chronoknock.ini(5), until). The kernel ends them
// all the same, should nobody prolong them: in steps. The way of a claim is in pipeline.cpp.
#include "base/prefix_lengths.hpp"
#include "grant/pipeline.hpp"

#include <algorithm>
#include <utility>

namespace chronoknock::granting {

namespace {

// What a grant is prolonged by, and when: longer than a server takes to start again.
constexpr nanoseconds step = std::chrono::minutes(2);
constexpr nanoseconds short_of_it = std::chrono::minutes(1);
// Whoever came in at the last moment is known so much later. Until then the key holds the grant.
constexpr nanoseconds grace = std::chrono::seconds(5);
// The firewall that has failed is not asked each time.
constexpr nanoseconds ask_again = std::chrono::seconds(10);

bool has(const terms::service& s, const firewall::flow& f) {
    return std::ranges::any_of(s.ports, [&](const endpoint_range& e) {
        return e.protocol == f.protocol && e.ports.first <= f.port && f.port <= e.ports.last;
    });
}

} // namespace

bool pipeline::is_until_idle(const std::string& service) const {
    const auto found = std::ranges::find(terms_.services, service, &terms::service::name);
    return found != terms_.services.end() && found->until_idle;
}

nanoseconds pipeline::grace_of(const std::string& service) const {
    return is_until_idle(service) ? grace : nanoseconds(0);
}

/// For how long another key's grant keeps it open; none: not at all.
std::optional<nanoseconds> pipeline::left_for_others(const std::string& key, const prefix& who,
                                                     const std::string& service, instant now) const {
    const auto end = holders_.held_by_another(key, who, service, now);
    if (!end || *end - now <= grace_of(service)) return {};
    return *end - now - grace_of(service);
}

/// What is held of a grant has changed.
void pipeline::note_idle(const prefix& who, const std::string& service, bool opened, instant now) {
    if (!is_until_idle(service)) return;
    const auto left = left_for_others({}, who, service, now);
    const auto known = idle_.find({who, service});
    if (!left) {
        if (known != idle_.end()) idle_.erase(known);
        return;
    }
    if (opened)
        idle_.insert_or_assign({who, service}, idle_grant{now + *left, now});
    else if (known != idle_.end())
        known->second.end = now + *left;
}

/// A key that is good no more has its grants end in their time, whatever connections live.
bool pipeline::may_hold(const std::string& key, unix_time when) const {
    const auto* const found = terms_.find(key);
    return found && (!found->until || when < *found->until);
}

void pipeline::heed_nothing(instant now) {
    std::erase_if(idle_, [now](const auto& one) { return one.second.end + grace <= now; });
}

bool pipeline::wants(const firewall::flow& f) const {
    return std::ranges::any_of(terms_.services,
                               [&](const terms::service& s) { return s.until_idle && has(s, f); });
}

bool pipeline::is_coming(const grant& g) const {
    const auto opens = [&](const knock& k) {
        return k.wish == claim::wish::open && std::ranges::any_of(k.openings, [&](const opening& o) {
                   return o.who == g.first && o.service == g.second;
               });
    };
    return std::ranges::any_of(opening_, [&](const auto& one) { return opens(one.second); }) ||
           std::ranges::any_of(redeeming_,
                               [&](const auto& one) { return std::ranges::any_of(one.second, opens); });
}

/// Those of the grants that some flow is of.
std::set<pipeline::grant> pipeline::with_connections(std::span<const firewall::flow> live) const {
    prefix_lengths lengths;
    for (const auto& [g, i] : idle_) lengths.add(g.first);
    std::set<grant> found;
    for (const auto& f : live)
        for (const auto& s : terms_.services)
            if (s.until_idle && has(s, f))
                lengths.any_of(f.peer, [&](const prefix& p) {
                    found.emplace(p, s.name);
                    return false; // all of them
                });
    return found;
}

pipeline::keeping pipeline::heed(std::span<const firewall::flow> live, instant as_of, instant now,
                                 unix_time when) {
    keeping k{};
    if (heeded_ && as_of <= *heeded_) return k; // nothing new is known
    heeded_ = as_of;
    heed_nothing(now);
    const auto connected = with_connections(live);
    prolonging p{{}, now + step, when + step};
    std::vector<grant> over;
    for (auto& [g, i] : idle_) {
        const bool may_ask = !i.asked || *i.asked + ask_again <= now;
        if (connected.contains(g)) {
            i.came_in |= as_of > i.opened; // else it was there before
            i.idle_since.reset();
            // One that was revoked a moment ago is nobody's.
            const auto holds = [&](const std::string& key) { return may_hold(key, when); };
            // A knock on its way may open for longer than a step, and must not be cut down to it.
            if (i.end - now < short_of_it && may_ask && !is_coming(g) &&
                std::ranges::any_of(holders_.keys_of(g.first, g.second, now), holds)) {
                i.asked = now;
                p.grants.push_back(g);
            }
        } else if (i.came_in) {
            // Of a round of reading the flows one may be lacking that came while another one went.
            const auto since = std::exchange(i.idle_since, i.idle_since.value_or(as_of));
            if (since && may_ask && !is_coming(g)) {
                i.asked = now;
                over.push_back(g);
            }
        }
    }
    end_idle(over, k, now, when);
    if (p.grants.empty()) return k;
    for (const auto& [who, service] : p.grants) k.prolongs.changes.push_back({who, service, step});
    k.prolongs.grants = p.grants.size();
    k.prolongs.number = ++last_number_;
    prolonging_.emplace(k.prolongs.number, std::move(p));
    return k;
}

void pipeline::end_idle(const std::vector<grant>& over, keeping& k, instant now, unix_time when) {
    if (over.empty()) return;
    ending e{{}, "the last connection has ended", when, over.size(), history_entry::kind::expired};
    for (const auto& [who, service] : over) {
        for (const auto& key : holders_.keys_of(who, service, now))
            e.grants.push_back({who, service, key, holders_.hold(key, who, service, std::nullopt, now)});
        k.ends.changes.push_back({who, service, std::nullopt});
    }
    k.ends.grants = over.size();
    k.ends.number = ++last_number_;
    ending_.emplace(k.ends.number, std::move(e));
}

actions pipeline::prolonged(std::uint64_t number, const result<void>& done, instant now) {
    actions todo;
    const auto found = prolonging_.extract(number);
    if (found.empty()) return todo;
    const auto& p = found.mapped();
    if (!done) {
        todo.push_back(tell{severity::error, std::to_string(p.grants.size()) +
                                                 (p.grants.size() == 1 ? " grant" : " grants") +
                                                 " not prolonged: " + done.error().text});
        return todo;
    }
    for (const auto& [who, service] : p.grants) {
        holders_.prolong(who, service, p.end + grace, now);
        expiries_.prolong(who, service, p.end + grace - now, p.when, now);
        if (const auto i = idle_.find({who, service}); i != idle_.end()) {
            i->second.asked.reset();
            i->second.end = std::max(i->second.end, p.end);
        }
    }
    return todo;
}

} // namespace chronoknock::granting

#include "timesync/synchroniser.hpp"

#include "base/in_words.hpp"
#include "timesync/text.hpp"

#include <cstdio>

/// What synchroniser shows to people.
namespace chronoknock::timesync {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
    char text[64];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
}

} // namespace

std::string signed_seconds(nanoseconds d) { return format("%+.6f s", in_seconds(d)); }
std::string plain_seconds(nanoseconds d) { return format("%.6f s", in_seconds(d)); }

std::string_view to_string(sync_state s) {
    switch (s) {
    case sync_state::waiting:
        return "waiting";
    case sync_state::synchronised:
        return "synchronised";
    case sync_state::holdover:
        return "holdover";
    case sync_state::lost:
        return "lost";
    case sync_state::system_clock:
        return "system clock";
    }
    return "?";
}

std::string synchroniser::agreeing_names() const {
    std::string names;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const auto m = selection_.marks[i];
        if (m == mark::unusable || m == mark::falseticker) continue;
        names += (names.empty() ? "" : ", ") + settings_.servers[i].name;
    }
    return names;
}

std::string synchroniser::verdict(instant now) const {
    if (peers_.empty()) return "going by the system clock: no time servers are configured";
    if (voices() == 0) return "no time server with NTS, and only such count";
    const auto of = std::to_string(voices());
    const auto counts =
        std::to_string(selection_.heard) + " of " + of + " servers heard, " +
        std::to_string(needed(voices())) + " needed" +
        (selection_.agreed || selection_.heard < needed(voices()) ? "" : ", and they do not agree");
    const auto t = clock_.now(now);
    const auto bound = t ? "error at most " + plain_seconds(t->error) : "";
    switch (state(now)) {
    case sync_state::waiting:
        return "not synchronised: " + counts;
    case sync_state::synchronised:
        return "synchronised: " + std::to_string(selection_.agreeing) + " of " + of + " servers agree, " +
               bound;
    case sync_state::holdover:
        if (clock_.held_since()) return "holding over: the servers ask for a step; " + bound;
        return "holding over: " + counts + "; " + bound;
    case sync_state::system_clock:
        break;
    case sync_state::lost:
        return "not synchronised any more: " + counts + "; " + bound;
    }
    return {};
}

// What keeps a server from being heard, or from counting.
std::string synchroniser::problem(std::size_t server, instant now) const {
    const auto& p = peers_[server];
    if (!p.problem().empty()) return p.problem();
    if (p.state() == peer_state::finding)
        return p.nts() ? "no answer from its key establishment server yet" : "its name is being looked up";
    if (const auto other = same_machine(server))
        return "the same machine as " + settings_.servers[*other].name + ": counts once";
    if (const auto c = p.filter().at(now, clock_.frequency()); c && c->distance > settings_.max_error)
        return "its bound of " + plain_seconds(c->distance) + " is beyond max_error";
    return {};
}

report synchroniser::report(instant now, unix_time system) const {
    timesync::report r;
    const auto system_offset = system.time_since_epoch() - now.time_since_epoch();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        const auto& p = peers_[i];
        server_report s;
        s.name = settings_.servers[i].name;
        if (const auto* e = p.where())
            s.address = (e->ip.is_v4() ? e->ip.to_string() : "[" + e->ip.to_string() + "]") + ":" +
                        std::to_string(e->port);
        s.mark = selection_.marks[i];
        s.state = p.state();
        s.nts = p.nts();
        s.authenticated = p.authenticated();
        s.reach = p.reach();
        s.interval = p.interval();
        s.refused = p.refused();
        s.problem = problem(i, now);
        if (const auto* best = p.filter().best(now, clock_.frequency())) {
            const auto c = *p.filter().at(now, clock_.frequency());
            s.sampled = true;
            s.stratum = best->stratum;
            s.reference = reference_text(best->reference_id, best->stratum);
            s.offset = c.offset - system_offset;
            s.delay = best->delay;
            s.jitter = p.filter().jitter(now, clock_.frequency());
            s.bound = c.distance;
        }
        r.servers.push_back(std::move(s));
    }
    r.state = state(now);
    r.voices = voices();
    r.needed = needed(r.voices);
    r.agreeing = selection_.agreeing;
    r.estimate = clock_.now(now);
    if (r.estimate) r.offset = r.estimate->t - system;
    r.frequency = clock_.frequency().value;
    r.frequency_bound = clock_.frequency().bound;
    r.verdict = verdict(now);
    return r;
}

} // namespace chronoknock::timesync

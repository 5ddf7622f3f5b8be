#include "io/metrics/gather.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace chronoknock::io {

report::metrics metrics_of(const snapshot& s) {
    using timesync::sync_state;
    const auto& p = s.packets;
    report::metrics m;
    m.version = CHRONOKNOCK_VERSION;
    m.started = s.system - (s.now - s.started);
    m.accepting = s.accepting;
    m.packets = {p.seen, p.syns, p.malformed, p.elsewhere, p.dropped};
    m.syns_outside = p.outside + s.count("outside_pool");
    m.syns_in_pool = s.count("tracked");
    m.knocks = {s.knocks.granted, s.knocks.repeated, s.knocks.refused, s.knocks.failed};
    m.untimely_syns = s.knocks.untimely;
    m.synchronised = s.time.state == sync_state::synchronised || s.time.state == sync_state::system_clock;
    if (s.time.estimate) m.clock = {s.time.offset, s.time.estimate->error};
    m.servers_agreeing = s.time.agreeing;
    m.servers_needed = s.time.needed;
    if (s.grants) m.grants = s.grants->size();
    m.burnt = s.burnt;
    m.keys_configured = s.configuration.keys.size();
    m.delays = s.delays;
    if (s.fleet) {
        auto& f = m.fleet.emplace();
        using state = fleet::link::state;
        f.lost = s.fleet->state == state::lost || s.fleet->state == state::full ||
                 s.fleet->state == state::starting;
        f.watching = s.fleet->watching;
        f.endpoints = s.fleet->endpoints.size();
        for (const auto& e : s.fleet->endpoints) f.answering += e.problem.empty() ? 1 : 0;
        f.grants = s.fleet->grants;
        f.burnt = s.fleet->burnt;
        f.shared = s.shared;
        f.ignored = s.fleet->ignored;
        f.times_lost = s.fleet->lost;
    }
    using counted = std::pair<const std::string*, const granting::pipeline::key_counters*>;
    std::vector<counted> used;
    for (const auto& k : s.configuration.keys)
        if (const auto* const c = s.count_of(k.name); c && c->last) used.emplace_back(&k.name, c);
    // The same ones each time.
    std::ranges::sort(used, {}, [](const counted& u) { return u.second->order; });
    for (const auto& [name, c] : used) {
        if (m.keys.size() < report::most_keys)
            m.keys.push_back({*name, c->granted, *c->last});
        else
            m.granted_to_others += c->granted;
    }
    return m;
}

} // namespace chronoknock::io

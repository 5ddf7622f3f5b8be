#include "io/metrics/gather.hpp"

#include <algorithm>

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
    if (!s.activity) return m;
    for (const auto& k : s.activity->keys()) {
        if (m.keys.size() < report::most_keys)
            m.keys.push_back({k.name, k.granted, k.last});
        else
            m.granted_to_others += k.granted;
    }
    m.delays = s.activity->delays();
    return m;
}

} // namespace chronoknock::io

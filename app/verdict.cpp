#include "app/verdict.hpp"

#include "io/client/opened_memory.hpp"
#include "io/system/clock.hpp"
#include "timesync/system_clock.hpp"

#include <algorithm>

namespace chronoknock::app {

namespace {

/// As the server's default ([time] max_error).
constexpr nanoseconds most_error = seconds(5);

/// None where there is none to be had: whoever needs the file more will say so.
std::optional<io::opened_memory> open_memory() {
    const auto path = io::window_memory_path();
    if (!path) return {};
    auto memory = io::opened_memory::open(*path);
    if (!memory) return {};
    return std::move(*memory);
}

bool answers_requests(const order& o) { return method::method_of(*o.key).respond != nullptr; }

} // namespace

client::time_source clock_of(const order& o) {
    using client::time_source;
    if (o.key && (o.at || o.key->never_changes() || o.key->numbered())) return time_source::none;
    if (!o.profile.time_servers || !o.profile.time_servers->empty()) return time_source::servers;
    const auto trust = timesync::trust_system_clock(io::read_kernel_clock(), most_error);
    return trust.warning.empty() ? time_source::vouched : time_source::unvouched;
}

bool hears_answers(const order& o, const sent_knock& k) {
    return k.report.answered != 0 || (k.syns_alone && !o.resolver && !answers_requests(o));
}

client::knock_facts facts_of(const order& o, const sent_knock& k, std::uint16_t port) {
    using client::port_state;
    client::knock_facts f;
    f.host = o.profile.host;
    f.source = k.by.source;
    f.target = k.by.to.ip;
    f.heeds_address = o.key->heeds_address() && !o.request.beneficiary && !k.by.pair;
    f.source_told = k.by.told;
    f.clock = clock_of(o);
    f.clock_error = k.clock_error;
    f.granularity = f.clock == client::time_source::none ? 0 : o.key->granularity();
    f.one_window = k.moments < 2;
    f.service = o.profile.service;
    if (auto memory = open_memory()) {
        const auto before = memory->find(f.host, o.key->fingerprint(), f.service);
        f.key_opened = before.key;
        f.service_opened = before.service;
    }
    f.sent = k.report.syns;
    f.answered = k.report.answered;
    f.hears_answers = hears_answers(o, k);
    f.obstacle = k.report.obstacle;
    f.asks = answers_requests(o);
    f.was_asked_back = !k.report.unanswered;
    f.port = port;
    if (port == 0) return f;
    f.before = k.door_refused ? port_state::refused : port_state::silent;
    f.after = k.report.opened_after ? port_state::open
              : k.report.refused    ? port_state::refused
                                    : port_state::silent;
    return f;
}

client::knock_facts telling_facts(const order& o, const std::vector<sent_knock>& knocks, std::uint16_t port) {
    const auto most = std::ranges::max_element(knocks, {}, [](const sent_knock& k) {
        return k.report.opened_after ? 3 : k.report.refused ? 2 : k.report.answered != 0 ? 1 : 0;
    });
    return facts_of(o, *most, port);
}

std::string stayed_shut(const order& o, const std::vector<sent_knock>& knocks, std::uint16_t port) {
    const auto found = client::diagnose(telling_facts(o, knocks, port));
    return "port " + std::to_string(port) + " did not open within " + to_string(o.profile.wait_limit) + ": " +
           found.reason + "; " + found.advice;
}

void remember_opening(const order& o) {
    auto memory = open_memory();
    if (!memory) return;
    const auto noted =
        memory->note(o.profile.host, o.key->fingerprint(), o.profile.service, to_seconds(io::system_now()));
    if (!noted) tell(noted.error().text);
}

} // namespace chronoknock::app

#include "app/check_doubts.hpp"

#include "io/firewall/protection.hpp"
#include "io/system/child.hpp"
#include "io/system/clock.hpp"
#include "method/method.hpp"
#include "timesync/settings.hpp"
#include "timesync/system_clock.hpp"

#include <algorithm>
#include <functional>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

// How far from each other two clocks may be that are kept by NTP over the Internet.
constexpr nanoseconds ntp_error = 100ms;
// RFC 4330, section 10: a client must not ask more often.
constexpr nanoseconds shortest_polite_interval = 15s;

/// Whoever answers for a pool's name has its votes.
void doubt_pools(const config::time_settings& t, const std::function<void(const std::string&)>& doubt) {
    const auto votes_of = [&](const config::time_server& s) -> std::size_t {
        return t.require_nts && !s.nts ? 0 : s.pool ? timesync::pool_size : 1;
    };
    std::size_t votes = 0;
    for (const auto& s : t.servers) votes += votes_of(s);
    for (const auto& s : t.servers)
        if (s.pool && votes_of(s) != 0 && 2 * votes_of(s) >= votes)
            doubt("[time] servers: " + s.to_string() + " has " + std::to_string(votes_of(s)) + " of " +
                  std::to_string(votes) +
                  " votes: whoever answers for that name can tell the server any time; name more others");
}

} // namespace

std::optional<std::int64_t> passwords_left(const config::key_settings& k, const newest_places& used) {
    const auto left = method::method_of(*k.key).left;
    if (!left) return {};
    const auto found = used.find(k.key->fingerprint());
    return left(k, found == used.end() ? std::nullopt : std::optional(found->second));
}

std::vector<std::string> doubts_on(const config::server& s, const newest_places& used) {
    std::vector<std::string> all;
    const auto doubt = [&all](std::string text) { all.push_back(std::move(text)); };
    if (!s.time.servers.empty() && s.time.interval < shortest_polite_interval)
        doubt("[time] interval: public time servers refuse clients that ask more often than every " +
              to_string(shortest_polite_interval));
    doubt_pools(s.time, doubt);
    for (const auto& p : s.firewall.always_allow)
        if (p.length == 0) doubt("[firewall] always_allow: " + p.to_string() + " lets everybody in");
    if (s.fleet.is_set()) {
        if (std::ranges::none_of(s.keys, &config::key_settings::fleet))
            doubt("[fleet] no key has fleet = true: nothing is shared");
        if (s.fleet.when_lost == config::on_loss::local)
            doubt("[fleet] on_loss: while the cluster is lost, whoever hears a knock can use it once on each "
                  "other host, unless the key's knocks name the address");
    }
    if (s.keys.empty()) doubt("there is no section [key.NAME]: nobody gets in");
    for (std::size_t i = 0; i < s.services.size(); ++i)
        if (std::ranges::none_of(s.keys,
                                 [i](const auto& k) { return std::ranges::count(k.services, i) != 0; }))
            doubt("[service." + s.services[i].name + "] is opened by no key");

    for (const auto& one : s.services)
        for (const auto& why : io::protection_of(s, one).doubts) {
            const auto text = why.starts_with("[") ? why : "[service." + one.name + "] " + why;
            if (std::ranges::find(all, text) == all.end()) doubt(text);
        }
    const auto& programs = s.firewall.programs;
    for (const auto& [words, field] : {std::pair{&programs.open, "open"}, {&programs.close, "close"}})
        if (!words->empty())
            for (const auto& one : io::doubts_on_program(words->front()))
                doubt(std::string("[firewall] ") + field + ": " + one);
    if (!s.events.command.empty())
        for (const auto& one : io::doubts_on_program(s.events.command.front()))
            doubt("[events] command: " + one);
    if (s.log.format && !s.log.format->anchored())
        doubt("[capture] pattern: it does not begin with ^: what a stranger has written before may match");

    // A knock is made and judged by two clocks; the paper (section 5) asks for a granularity above their
    // errors and the time the SYNs take together.
    const auto trust = timesync::trust_system_clock(io::read_kernel_clock(), s.time.max_error);
    if (s.time.servers.empty() && !trust.warning.empty()) doubt("[time] servers: none, and " + trust.warning);
    const auto error = (s.time.servers.empty() ? trust.bound : ntp_error) + timesync::operators_word;
    for (const auto& k : s.keys) {
        const nanoseconds g = seconds(k.key->granularity());
        const auto name = "[key." + k.name + "] ";
        if (method::security_bits(k, s) < method::least_security_bits)
            doubt(name + "allow_weak: its budget is below " +
                  std::to_string(static_cast<int>(method::least_security_bits)) + " bits");
        if (const auto doubts = method::method_of(*k.key).doubts)
            for (const auto& one : doubts(k)) doubt(name + one);
        if (k.pair)
            doubt(name +
                  "pair: whoever catches a knock on its way is let in if he sends it from an address of the "
                  "other family than it names");
        for (const auto index : k.services)
            if (const auto& one = s.services[index]; k.pair && one.set4.empty() != one.set6.empty())
                doubt(name + "pair: [service." + one.name +
                      "] has a set of one family alone, so that knocks for both open nothing");
        if (const auto left = passwords_left(k, used); left && *left < key::few_left)
            doubt(name + "only " + std::to_string(*left) +
                  " one-time passwords are left: issue new ones (chronoknock keygen --method otp)");
        if (k.until && io::system_now() >= *k.until)
            doubt(name + "until: it opens nothing any more, since " + utc(to_seconds(*k.until)) +
                  " UTC; chronoknock uninvite takes it out");
        if (k.key->never_changes()) {
            doubt(name + "allow_weak: whoever sees one of its knocks can repeat it for ever");
            continue;
        }
        if (g == 0s) continue;
        if (g < 2 * error)
            doubt(name + "granularity: " + to_string(g) +
                  " is not comfortably above the error of two clocks, up to " + to_string(error) + " here");
        else if (g < 2 * s.time.max_error)
            doubt(name + "granularity: " + to_string(g) + " is less than twice [time] max_error, " +
                  to_string(s.time.max_error) +
                  ": with a clock that uncertain, older knocks are accepted too");
        if (!k.key->heeds_address())
            doubt(name + "ignore = ip: whoever sees a knock first can use it from his own address");
    }
    return all;
}

} // namespace chronoknock::app

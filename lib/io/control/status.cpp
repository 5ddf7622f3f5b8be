#include "io/control/status.hpp"

#include "base/in_words.hpp"
#include "base/text.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <unistd.h>

namespace chronoknock::io {

namespace json = boost::json;

namespace {

constexpr std::size_t most_grants_listed = 1000;

json::object time_json(const timesync::report& r) {
    json::array servers;
    for (const auto& s : r.servers) {
        json::object o{{"name", s.name},
                       {"address", s.address},
                       {"mark", std::string(1, static_cast<char>(s.mark))},
                       {"reach", s.reach},
                       {"nts", s.nts},
                       {"authenticated", s.authenticated},
                       {"problem", s.problem}};
        if (s.sampled) {
            o["stratum"] = s.stratum;
            o["offset"] = in_seconds(s.offset);
            o["delay"] = in_seconds(s.delay);
            o["bound"] = in_seconds(s.bound);
        }
        servers.push_back(std::move(o));
    }
    json::object o{{"state", to_string(r.state)}, {"verdict", r.verdict}, {"servers", std::move(servers)}};
    if (r.estimate) {
        o["offset"] = in_seconds(r.offset);
        o["error"] = in_seconds(r.estimate->error);
    }
    return o;
}

json::object privileges_json(const confinement& c) {
    json::array capabilities;
    for (const auto& name : c.capabilities) capabilities.push_back(json::value(name));
    return {{"user", c.user},
            {"capabilities", std::move(capabilities)},
            {"landlock", c.landlock},
            {"seccomp", c.seccomp},
            {"packet_sockets_by", c.opens_packet_sockets ? "itself" : "helper"},
            {"helper", c.helper}};
}

json::array keys_json(const snapshot& s) {
    const auto& c = s.configuration;
    json::array keys;
    for (const auto& k : c.keys) {
        json::array services;
        for (const auto index : k.services) services.push_back(json::value(c.services[index].name));
        json::object o{{"name", k.name},
                       {"method", k.key->method()},
                       {"services", std::move(services)},
                       {"security_bits", std::round(method::security_bits(k, c) * 10) / 10},
                       {"fingerprint", k.key->shown_fingerprint()},
                       {"granted", 0},
                       {"refused", 0},
                       {"last_knock", nullptr}};
        if (k.max_grants != 0) o["max_grants"] = k.max_grants;
        if (k.until) {
            o["until"] = utc(to_seconds(*k.until));
            o["expired"] = (s.time.estimate ? s.time.estimate->t : s.system) >= *k.until;
        }
        if (const auto* const count = s.count_of(k.name)) {
            o["granted"] = count->granted;
            o["refused"] = count->refused;
            if (count->last) o["last_knock"] = in_seconds(count->last->time_since_epoch());
            if (count->from) o["last_address"] = count->from->to_string();
        }
        keys.push_back(std::move(o));
    }
    return keys;
}

json::object cluster_json(const fleet_report& r) {
    json::array endpoints;
    for (const auto& e : r.endpoints)
        endpoints.push_back(json::object{{"endpoint", e.name}, {"problem", e.problem}});
    return {{"name", r.name},         {"state", fleet::to_string(r.state)},
            {"problem", r.problem},   {"watching", r.watching},
            {"revision", r.revision}, {"grants", r.grants},
            {"burnt", r.burnt},       {"ignored_entries", r.ignored},
            {"times_lost", r.lost},   {"endpoints", std::move(endpoints)}};
}

} // namespace

json::object fleet_json(const fleet_report& r, const std::vector<fleet::host_record>& hosts, unix_time now) {
    json::array list;
    for (const auto& h : hosts)
        list.push_back(json::object{{"name", h.name},
                                    {"version", h.version},
                                    {"seen", in_seconds(h.seen.time_since_epoch())},
                                    {"ago", in_seconds(now - h.seen)},
                                    {"grants", h.grants},
                                    {"doubled", h.is_doubled}});
    return {{"cluster", cluster_json(r)}, {"hosts", std::move(list)}};
}

json::object grants_json(const snapshot& s, std::size_t most) {
    if (!s.grants) return {{"error", s.grants.error().text}};
    json::array list;
    for (const auto& g : *s.grants) {
        if (list.size() == most) break;
        json::array keys;
        for (const auto& key : s.keys_of(g)) keys.push_back(json::value(key));
        const auto service = std::ranges::find(s.configuration.services, g.service, &service::name);
        list.push_back(
            json::object{{"address", g.who.to_string()},
                         {"service", g.service},
                         {"keys", std::move(keys)},
                         {"left", in_seconds(g.left)},
                         {"until_idle", service != s.configuration.services.end() && service->until_idle}});
    }
    return {{"live", s.grants->size()}, {"list", std::move(list)}};
}

json::object status_json(const snapshot& s) {
    const auto& p = s.packets;
    const auto& m = s.count;
    const auto& k = s.knocks;
    json::object o{
        {"version", CHRONOKNOCK_VERSION},
        {"pid", ::getpid()},
        {"uptime", std::floor(in_seconds(s.now - s.started))},
        {"clock", in_seconds(s.system.time_since_epoch())},
        {"accepting", s.accepting},
        {"problem", s.problem},
        {"time", time_json(s.time)},
        {"packets",
         {{"seen", p.seen},
          {"syns", p.syns},
          {"malformed", p.malformed},
          {"outside_pool", p.outside + m("outside_pool")},
          {"elsewhere", p.elsewhere},
          {"dropped_by_kernel", p.dropped}}},
        {"knocks",
         {{"granted", k.granted},
          {"repeated", k.repeated},
          {"refused", k.refused},
          {"failed", k.failed},
          {"untimely_syns", k.untimely}}},
        {"memory",
         {{"addresses", s.configuration.knock.tracked},
          {"bytes", m("tracker_bytes")},
          {"live_sequences", m("live_sequences")},
          {"burnt", s.burnt}}},
        {"matching",
         {{"tracked", m("tracked")},
          {"looks", m("looks")},
          {"derivations", m("derivations")},
          {"decryptions", m("decryptions")},
          {"postponed", m("postponed")}}},
        {"keys", keys_json(s)},
        {"grants", grants_json(s, most_grants_listed)},
    };
    if (s.confined) o["privileges"] = privileges_json(*s.confined);
    if (s.fleet) {
        o["fleet"] = cluster_json(*s.fleet);
        o["fleet"].as_object()["shared"] = s.shared;
    }
    if (s.trial) o["trial"] = in_seconds(*s.trial);
    if (!s.configuration.log.file.empty())
        o["log"] = {{"lines_matched", p.lines_matched}, {"lines_passed_over", p.lines_passed_over}};
    return o;
}

} // namespace chronoknock::io

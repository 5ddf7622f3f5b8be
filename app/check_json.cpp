#include "app/check_json.hpp"

#include "base/in_words.hpp"
#include "io/confinement.hpp"
#include "io/firewall/protection.hpp"
#include "method/method.hpp"

#include <boost/json.hpp>

namespace chronoknock::app {

namespace json = boost::json;

namespace {

/// An array of what `value` makes of each.
template <class Range, class Value>
json::array all(const Range& range, Value value) {
    json::array a;
    for (const auto& one : range) a.emplace_back(value(one));
    return a;
}

std::string text_of(const auto& value) { return value.to_string(); }

json::object time_json(const config::time_settings& t) {
    return {{"servers", all(t.servers, [](const auto& s) { return text_of(s); })},
            {"interval", in_seconds(t.interval)},
            {"local_interval", in_seconds(t.local_interval)},
            {"require", t.require},
            {"require_nts", t.require_nts},
            {"max_error", in_seconds(t.max_error)}};
}

json::object fleet_json(const config::fleet_settings& f) {
    return {{"name", f.name},
            {"endpoints", all(f.endpoints, [](const auto& e) { return text_of(e); })},
            {"prefix", f.prefix},
            {"user", f.user},
            {"on_loss", f.when_lost == config::on_loss::local ? "local" : "refuse"}};
}

json::object service_json(const config::server& s, std::size_t index) {
    const auto& service = s.services[index];
    json::array keys;
    for (const auto& k : s.keys)
        if (std::ranges::find(k.services, index) != k.services.end()) keys.emplace_back(k.name);
    return {{"name", service.name},
            {"ports", all(service.ports, [](const auto& p) { return text_of(p); })},
            {"open_for", in_seconds(service.open_for)},
            {"max_open_for", in_seconds(service.max_open_for)},
            {"uses", service.uses},
            {"until", service.until_idle ? "idle" : "time"},
            {"set4", service.set4},
            {"set6", service.set6},
            {"shut_by", io::protection_of(s, service).by},
            {"keys", std::move(keys)}};
}

json::object key_json(const config::server& s, const config::key_settings& k, const newest_places& used) {
    json::object o{{"name", k.name},
                   {"method", k.key->method()},
                   {"file", k.file},
                   {"section_file", k.stands_in},
                   {"fingerprint", k.key->shown_fingerprint()},
                   {"services", all(k.services, [&](auto i) { return s.services[i].name; })},
                   {"security_bits", method::security_bits(k, s)},
                   {"for_others", k.for_others},
                   {"pair", k.pair},
                   {"prefix4", k.prefix4},
                   {"prefix6", k.prefix6},
                   {"knock_delay", in_seconds(k.knock_delay)},
                   {"fleet", k.fleet},
                   {"max_grants", k.max_grants}};
    if (k.until) o["until"] = to_seconds(*k.until);
    if (const auto left = passwords_left(k, used)) o["left"] = *left;
    return o;
}

} // namespace

json::object describe(const config::server& s, const newest_places& used) {
    json::object o{
        {"state", s.state},
        {"user", io::user_to_become(s)},
        {"control", s.control},
        {"include", s.include},
        {"interfaces",
         s.log.file.empty() ? all(s.interfaces, [](const auto& i) { return i; }) : json::array()},
        {"log", s.log.file},
        {"also_for", all(s.also_for, [](const auto& p) { return text_of(p); })},
        {"time", time_json(s.time)},
        {"knock", json::object{{"mode", s.knock.mode == config::matching::set ? "set" : "strict"},
                               {"memory", s.knock.memory},
                               {"timeout", in_seconds(s.knock.timeout)},
                               {"tracked", s.knock.tracked}}},
        {"firewall",
         json::object{
             {"backend", s.firewall.backend},
             {"unauthorized", s.firewall.unauthorized == firewall::unauthorized::drop ? "drop" : "reset"},
             {"on_stop", s.firewall.on_stop == config::on_stop::keep ? "keep" : "remove"},
             {"always_allow", all(s.firewall.always_allow, [](const auto& p) { return text_of(p); })},
             {"table", s.firewall.table.name.empty() ? std::string() : s.firewall.table.to_string()},
             {"open", all(s.firewall.programs.open, [](const auto& word) { return printable(word); })},
             {"close", all(s.firewall.programs.close, [](const auto& word) { return printable(word); })},
             {"time_limit", in_seconds(s.firewall.programs.time_limit)}}},
        {"event_command", all(s.events.command, [](const auto& word) { return printable(word); })},
        {"metrics_file", s.metrics.file},
        {"metrics_listen", s.metrics.listen ? s.metrics.listen->to_string() : std::string()}};
    if (s.fleet.is_set()) o["fleet"] = fleet_json(s.fleet);
    json::array services, keys;
    for (std::size_t i = 0; i < s.services.size(); ++i) services.emplace_back(service_json(s, i));
    for (const auto& k : s.keys) keys.emplace_back(key_json(s, k, used));
    o["services"] = std::move(services);
    o["keys"] = std::move(keys);
    return o;
}

json::object to_json(const online_findings& found) {
    json::array servers;
    for (const auto& s : found.servers) {
        json::object o{{"name", s.name}, {"answered", s.sampled}, {"problem", s.problem}};
        if (s.sampled) {
            o["offset"] = in_seconds(s.offset);
            o["bound"] = in_seconds(s.bound);
        }
        servers.emplace_back(std::move(o));
    }
    json::array endpoints;
    for (const auto& [name, problem] : found.endpoints)
        endpoints.emplace_back(json::object{{"endpoint", name}, {"problem", problem}});
    return {{"time_servers", std::move(servers)},
            {"fleet", std::move(endpoints)},
            {"verdict", found.verdict},
            {"takes_knocks", found.obstacle.empty()},
            {"obstacle", found.obstacle}};
}

} // namespace chronoknock::app

#include "io/control/status.hpp"

#include "base/text.hpp"
#include "method/method.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <iomanip>
#include <map>
#include <sstream>
#include <unistd.h>

namespace chronoknock::io {

namespace json = boost::json;

namespace {

constexpr std::size_t most_grants_listed = 1000;

double in_seconds(nanoseconds d) { return std::chrono::duration<double>(d).count(); }

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

/// now: what the clock says, for keys that are good until a date.
json::array keys_json(const config::server& c, unix_time now) {
    json::array keys;
    for (const auto& k : c.keys) {
        json::array services;
        for (const auto s : k.services) services.push_back(json::value(c.services[s].name));
        json::object o{{"name", k.name},
                       {"services", std::move(services)},
                       {"security_bits", std::round(method::security_bits(k, c) * 10) / 10},
                       {"fingerprint", k.key->shown_fingerprint()}};
        if (k.until) {
            o["until"] = utc(to_seconds(*k.until));
            o["expired"] = now >= *k.until;
        }
        keys.push_back(std::move(o));
    }
    return keys;
}

json::object grants_json(const result<std::vector<live_grant>>& grants) {
    if (!grants) return {{"error", grants.error().text}};
    json::array list;
    for (const auto& g : *grants) {
        if (list.size() == most_grants_listed) break;
        list.push_back(json::object{
            {"address", g.who.to_string()}, {"service", g.service}, {"left", in_seconds(g.left)}});
    }
    return {{"live", grants->size()}, {"list", std::move(list)}};
}

/// Lines "name  value, value" for people, of an object's numbers.
void print_counters(std::ostream& out, std::string_view title, const json::object& counters) {
    out << title << ":";
    const char* comma = " ";
    for (const auto& [name, value] : counters) {
        out << comma << value << ' ';
        for (const char c : std::string_view(name)) out << (c == '_' ? ' ' : c);
        comma = ", ";
    }
    out << '\n';
}

} // namespace

json::object status_json(const snapshot& s) {
    const auto& p = s.packets;
    const auto& m = s.count;
    const auto& k = s.knocks;
    json::object o{
        {"version", CHRONOKNOCK_VERSION},
        {"pid", ::getpid()},
        {"uptime", std::floor(in_seconds(s.now - s.started))},
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
        {"keys", keys_json(s.configuration, s.time.estimate ? s.time.estimate->t : s.system)},
        {"grants", grants_json(s.grants)},
    };
    if (!s.configuration.log.file.empty())
        o["log"] = {{"lines_matched", p.lines_matched}, {"lines_passed_over", p.lines_passed_over}};
    return o;
}

result<std::string> status_text(const json::object& o) try {
    std::ostringstream out;
    const auto& time = o.at("time").as_object();
    const std::string problem(o.contains("problem") ? o.at("problem").as_string().c_str() : "");
    out << "chronoknock " << o.at("version").as_string().c_str() << ", pid " << o.at("pid") << ", up "
        << o.at("uptime").to_number<std::int64_t>() << " s, "
        << (o.at("accepting").as_bool() ? "accepting knocks"
            : problem.empty()           ? "accepting no knock: the clock is not synchronised"
                                        : "accepting no knock: " + problem)
        << "\ntime: " << time.at("verdict").as_string().c_str() << '\n';
    for (const auto* title : {"packets", "knocks"}) print_counters(out, title, o.at(title).as_object());
    if (const auto* log = o.if_contains("log")) print_counters(out, "log", log->as_object());
    for (const auto& key : o.at("keys").as_array()) {
        const auto& k = key.as_object();
        out << "key " << k.at("name").as_string().c_str() << ": " << std::fixed << std::setprecision(1)
            << k.at("security_bits").to_number<double>() << " bits";
        if (const auto* print = k.if_contains("fingerprint"); print && !print->as_string().empty())
            out << ", fingerprint " << print->as_string().c_str();
        if (const auto* until = k.if_contains("until"))
            out << (k.at("expired").as_bool() ? ", NO LONGER GOOD, since " : ", good until ")
                << until->as_string().c_str() << " UTC";
        out << '\n';
    }
    const auto& grants = o.at("grants").as_object();
    if (const auto* why = grants.if_contains("error")) {
        out << "grants: unknown: " << why->as_string().c_str() << '\n';
        return {boost::system::in_place_value, out.str()};
    }
    out << "grants: " << grants.at("live") << '\n';
    for (const auto& grant : grants.at("list").as_array()) {
        const auto& g = grant.as_object();
        out << "  " << g.at("service").as_string().c_str() << " to " << g.at("address").as_string().c_str()
            << " for " << g.at("left").to_number<double>() << " s more\n";
    }
    return {boost::system::in_place_value, out.str()};
} catch (const std::exception&) { // a field is missing, or another kind of thing
    return error{"the server's answer is not what this program knows"};
}

} // namespace chronoknock::io

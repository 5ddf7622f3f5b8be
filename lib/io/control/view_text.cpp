#include "io/control/view_text.hpp"

#include "base/text.hpp"
#include "io/control/plain_json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <vector>

namespace chronoknock::io {

namespace json = boost::json;

namespace {

using row = std::vector<std::string>;

std::string text_of(const json::value& v) {
    return v.is_string() ? std::string(v.get_string().data(), v.get_string().size()) : plain_json(v);
}

std::string joined(const json::array& all) {
    std::string text;
    for (const auto& one : all) text += (text.empty() ? "" : ", ") + text_of(one);
    return text;
}

/// Columns, each as wide as its widest cell; nothing behind the last one.
std::string table(const std::vector<row>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& r : rows)
        for (std::size_t i = 0; i < r.size(); ++i) {
            if (widths.size() <= i) widths.push_back(0);
            widths[i] = std::max(widths[i], r[i].size());
        }
    std::string text;
    for (const auto& r : rows) {
        std::string line;
        for (std::size_t i = 0; i < r.size(); ++i)
            line += r[i] + std::string(i + 1 < r.size() ? widths[i] - r[i].size() + 2 : 0, ' ');
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return text;
}

/// "12 s", "3 min", "5 h", "4 days": as exact as people want it.
std::string roughly(double seconds) {
    const auto n = static_cast<std::int64_t>(std::max(seconds, 0.0));
    if (n < 120) return std::to_string(n) + " s";
    if (n < 2 * 3600) return std::to_string(n / 60) + " min";
    if (n < 48 * 3600) return std::to_string(n / 3600) + " h";
    return std::to_string(n / 86400) + " days";
}

/// "12 granted, 3 repeated": an object's numbers by their names.
std::string counters(const json::object& all) {
    std::string text;
    for (const auto& [name, value] : all) {
        text += (text.empty() ? "" : ", ") + plain_json(value) + " ";
        for (const char c : std::string_view(name)) text += c == '_' ? ' ' : c;
    }
    return text;
}

std::string line(std::string name, const std::string& text) {
    name.resize(9, ' ');
    return name + text + "\n";
}

std::string fixed(double number, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, number);
    return text;
}

/// "user chronoknock, net_admin, Landlock 7, seccomp; helper 1234"
std::string privileges_text(const json::object& p) {
    const auto landlock = p.at("landlock").to_number<int>();
    const auto& kept = p.at("capabilities").as_array();
    return "user " + text_of(p.at("user")) + ", " + (kept.empty() ? "no capability" : joined(kept)) + ", " +
           (landlock == 0 ? "NO Landlock" : "Landlock " + std::to_string(landlock)) + ", " +
           (p.at("seccomp").as_bool() ? "seccomp" : "NO seccomp") + "; helper " + plain_json(p.at("helper"));
}

std::string keys_table(const json::object& status) {
    const auto now = status.at("clock").to_number<double>();
    const auto& keys = status.at("keys").as_array();
    const bool some_end =
        std::ranges::any_of(keys, [](const auto& value) { return value.as_object().contains("until"); });
    std::vector<row> rows{
        {"KEY", "LAST KNOCK", "OPENED FOR", "GRANTED", "REFUSED", "OPENS", "BUDGET", "FINGERPRINT"}};
    if (some_end) rows.front().push_back("GOOD UNTIL");
    for (const auto& value : keys) {
        const auto& k = value.as_object();
        const auto& last = k.at("last_knock");
        const auto* const from = k.if_contains("last_address");
        rows.push_back({text_of(k.at("name")),
                        last.is_null() ? "never" : roughly(now - last.to_number<double>()) + " ago",
                        from ? text_of(*from) : "-", plain_json(k.at("granted")), plain_json(k.at("refused")),
                        joined(k.at("services").as_array()),
                        fixed(k.at("security_bits").to_number<double>(), 1) + " bits",
                        text_of(k.at("fingerprint"))});
        if (!some_end) continue;
        const auto* const until = k.if_contains("until");
        rows.back().push_back(until ? text_of(*until) + (k.at("expired").as_bool() ? ", NO LONGER GOOD" : "")
                                    : "-");
    }
    return table(rows);
}

/// "connected, 3 of 3 endpoints answer; 12 grants live"
std::string cluster_text(const json::object& c) {
    std::size_t answering = 0;
    std::string problems;
    const auto& endpoints = c.at("endpoints").as_array();
    for (const auto& value : endpoints) {
        const auto& e = value.as_object();
        const auto problem = text_of(e.at("problem"));
        answering += problem.empty() ? 1 : 0;
        if (!problem.empty()) problems += "; " + text_of(e.at("endpoint")) + ": " + problem;
    }
    const auto state = text_of(c.at("state"));
    const auto ignored = c.at("ignored_entries").to_number<std::uint64_t>();
    return (state == "lost"   ? "LOST"
            : state == "full" ? "FULL"
                              : state) +
           ", " + std::to_string(answering) + " of " + std::to_string(endpoints.size()) +
           " endpoints answer" + (c.at("watching").as_bool() ? "" : ", NOT WATCHING") + "; " +
           plain_json(c.at("grants")) + " grants live" +
           (ignored == 0 ? "" : "; " + std::to_string(ignored) + " FORGED entries") + problems;
}

std::string grants_table(const json::object& grants) {
    const auto& list = grants.at("list").as_array();
    if (list.empty()) return {};
    std::vector<row> rows{{"ADDRESS", "SERVICE", "KEY", "FOR"}};
    for (const auto& value : list) {
        const auto& g = value.as_object();
        const auto keys = joined(g.at("keys").as_array());
        const auto* const until_idle = g.if_contains("until_idle");
        rows.push_back({text_of(g.at("address")), text_of(g.at("service")), keys.empty() ? "?" : keys,
                        fixed(g.at("left").to_number<double>(), 1) + " s more" +
                            (until_idle && until_idle->as_bool() ? ", and while it has a connection" : "")});
    }
    return table(rows);
}

std::string event(const json::object& e) {
    const auto what = text_of(e.at("what"));
    const auto key = text_of(e.at("key")), who = text_of(e.at("address"));
    auto text = utc(static_cast<std::int64_t>(std::floor(e.at("when").to_number<double>()))) + "  " + what +
                std::string(what.size() < 8 ? 8 - what.size() : 0, ' ') + "  " + (key.empty() ? "-" : key) +
                "  " + (who.empty() ? "-" : who);
    const auto& services = e.at("services").as_array();
    const auto* const until = e.if_contains("until");
    std::string list;
    for (std::size_t i = 0; i < services.size(); ++i) {
        list += (list.empty() ? "  " : ", ") + text_of(services[i]);
        if (until && i < until->as_array().size() && until->as_array()[i].is_number())
            list += " until " + utc(static_cast<std::int64_t>(until->as_array()[i].to_number<double>()));
    }
    text += list;
    if (const auto* const why = e.if_contains("why"); why && !why->as_string().empty())
        text += ": " + text_of(*why);
    return text;
}

/// What throws is an answer that lacks a field, or has another kind of thing there.
template <class Make>
result<std::string> made(Make make) {
    try {
        return {boost::system::in_place_value, make()};
    } catch (const std::exception&) {
        return error{"the server's answer is not what this program knows"};
    }
}

} // namespace

result<std::string> status_text(const json::object& o) {
    return made([&] {
        const auto problem = text_of(o.at("problem"));
        auto text = "chronoknock " + text_of(o.at("version")) + ", process " + plain_json(o.at("pid")) +
                    ", up " + roughly(o.at("uptime").to_number<double>()) + "\n";
        text += line("knocks",
                     o.at("accepting").as_bool() && problem.empty() ? "taken" : "NOT TAKEN: " + problem);
        if (const auto* const trial = o.if_contains("trial"))
            text += line("trial", "the guard goes away in " + roughly(trial->to_number<double>()) +
                                      ", unless `chronoknock confirm` comes");
        if (const auto* const p = o.if_contains("privileges"))
            text += line("rights", privileges_text(p->as_object()));
        text += line("time", text_of(o.at("time").at("verdict")));
        text += line("", counters(o.at("knocks").as_object()));
        if (const auto* const f = o.if_contains("fleet")) text += line("fleet", cluster_text(f->as_object()));
        text += line("packets", counters(o.at("packets").as_object()));
        if (const auto* const log = o.if_contains("log")) text += line("log", counters(log->as_object()));
        const auto& grants = o.at("grants").as_object();
        if (const auto* const why = grants.if_contains("error"))
            text += line("grants", "unknown: " + text_of(*why));
        else
            text += line("grants", plain_json(grants.at("live")) + " live");
        text += "\n" + keys_table(o);
        if (!grants.contains("error"))
            if (const auto live = grants_table(grants); !live.empty()) text += "\n" + live;
        return text;
    });
}

result<std::string> grants_text(const json::object& o) {
    return made([&] {
        auto text = grants_table(o);
        const auto live = o.at("live").to_number<std::uint64_t>();
        if (const auto shown = o.at("list").as_array().size(); live > shown)
            text += "and " + std::to_string(live - shown) + " more\n";
        return text.empty() ? std::string("no grant is live\n") : text;
    });
}

result<std::string> fleet_text(const json::object& o) {
    return made([&] {
        std::vector<row> rows{{"HOST", "LAST SEEN", "GRANTS", "VERSION"}};
        const auto& cluster = o.at("cluster").as_object();
        for (const auto& value : o.at("hosts").as_array()) {
            const auto& h = value.as_object();
            const auto name = text_of(h.at("name"));
            rows.push_back({name + (name == text_of(cluster.at("name")) ? " (this one)" : "") +
                                (h.at("doubled").as_bool() ? " TWO HOSTS HAVE THIS NAME" : ""),
                            roughly(h.at("ago").to_number<double>()) + " ago", plain_json(h.at("grants")),
                            text_of(h.at("version"))});
        }
        return line("cluster", cluster_text(cluster)) + "\n" + table(rows);
    });
}

result<std::string> history_text(const json::object& o) {
    return made([&] {
        std::string text;
        for (const auto& e : o.at("entries").as_array()) text += event(e.as_object()) + "\n";
        return text;
    });
}

result<std::string> event_text(const json::object& entry) {
    return made([&] { return event(entry); });
}

} // namespace chronoknock::io

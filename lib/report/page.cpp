#include "report/page.hpp"

#include "base/text.hpp"
#include "report/chart.hpp"
#include "report/style.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace chronoknock::report {

namespace {

using granting::history_entry;
using kind = history_entry::kind;

constexpr std::size_t columns = 96;
constexpr std::size_t strip_columns = 60;
constexpr std::size_t most_keys_shown = 500;
constexpr std::size_t most_events_shown = 50;
constexpr std::size_t most_reasons_shown = 12;

/// "3 min", "2 h", "12 days"
std::string about(nanoseconds d) {
    using namespace std::chrono;
    if (d < minutes(2)) return std::to_string(std::max<std::int64_t>(0, d / seconds(1))) + " s";
    if (d < hours(2)) return std::to_string(d / minutes(1)) + " min";
    if (d < hours(48)) return std::to_string(d / hours(1)) + " h";
    return std::to_string(d / hours(24)) + " days";
}

std::string span_name(nanoseconds d) {
    using namespace std::chrono;
    if (d % hours(24) == nanoseconds(0) && d > hours(24)) return std::to_string(d / hours(24)) + " days";
    if (d % hours(1) == nanoseconds(0) && d > hours(1)) return std::to_string(d / hours(1)) + " hours";
    return to_string(d);
}

struct key_use {
    std::string services;
    std::string bits;
    bool configured = false;
    std::uint64_t granted = 0;
    std::optional<unix_time> last = {};
    std::vector<std::uint64_t> strip = std::vector<std::uint64_t>(strip_columns);
};

class composer {
public:
    explicit composer(const findings& f)
        : f_(f), axis_{f.now - f.since, f.now + milliseconds(1), columns}, granted_(columns),
          refused_(columns), failed_(columns) {
        count_history();
        count_series();
    }

    std::string compose() {
        head();
        tiles();
        out_ += bar_chart("Grants and refusals", axis_,
                          {{"granted", "granted", granted_},
                           {"refused", "refused", refused_},
                           {"failed", "failed", failed_}});
        out_ += bar_chart("Strangers' SYNs to the pools", axis_, {{"SYNs", "strangers", syns_}}, known_);
        out_ += band_chart("Clock: the time that the server goes by, less the system clock", axis_, clock_);
        keys();
        reasons();
        events();
        out_ += "<footer>chronoknock " + escaped(f_.version) +
                ". What is shown is what the server's record keeps: the last " +
                grouped(granting::most_history) + " events, of them " +
                grouped(granting::most_history_refused) +
                " refusals, and five-minute sums of 30 days. All times are UTC.</footer></body></html>\n";
        return std::move(out_);
    }

private:
    void count_history() {
        const time_axis strip{axis_.begin, axis_.end, strip_columns};
        for (const auto& k : f_.keys) {
            auto& use = keys_[k.name];
            use.configured = true;
            use.services = k.services;
            use.last = k.last;
            if (k.security_bits > 0) use.bits = std::to_string(static_cast<int>(k.security_bits));
        }
        for (const auto& e : f_.history) {
            if (e.what == kind::granted && !e.key.empty()) {
                auto& use = keys_[e.key];
                if (!use.last || *use.last < e.when) use.last = e.when;
                if (const auto c = strip.column(e.when)) {
                    ++use.granted;
                    ++use.strip[*c];
                }
            }
            const auto c = axis_.column(e.when);
            if (!c) continue;
            if (e.what == kind::granted) ++granted_[*c];
            if (e.what == kind::refused) ++refused_[*c], ++reasons_[e.why];
            if (e.what == kind::failed) ++failed_[*c];
        }
    }

    /// The record has each event of some, the series the sums of all: of both, what tells of more.
    void count_series() {
        std::vector<std::uint64_t> granted(columns), refused(columns), failed(columns);
        std::vector<std::int64_t> samples(columns);
        for (const auto& p : f_.series) {
            const auto last = axis_.column(p.end);
            if (!last) continue;
            syns_[*last] += p.syns;
            granted[*last] += p.granted;
            refused[*last] += p.refused;
            failed[*last] += p.failed;
            const auto first = axis_.column(std::max(axis_.begin, p.end - p.span));
            for (auto c = first.value_or(*last); c <= *last; ++c) known_[c] = true;
            if (!p.clock) continue;
            auto& column = clock_[*last];
            if (!column) column.emplace();
            // The middle is a mean, taken bit by bit.
            column->middle += (p.clock->offset - column->middle) / ++samples[*last];
            column->reach = std::max(column->reach, p.clock->error);
        }
        for (std::size_t c = 0; c < columns; ++c) {
            granted_[c] = std::max(granted_[c], granted[c]);
            refused_[c] = std::max(refused_[c], refused[c]);
            failed_[c] = std::max(failed_[c], failed[c]);
        }
    }

    static std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
        std::uint64_t all = 0;
        for (const auto n : counts) all += n;
        return all;
    }

    void head() {
        out_ = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
               // Whatever text slips through: nothing is run, nothing is fetched.
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
               "'unsafe-inline'\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
               "<meta name=\"color-scheme\" content=\"light dark\"><title>chronoknock on " +
               escaped(f_.host) + "</title><style>" + std::string(page_style) +
               "</style></head><body>\n<header><h1>chronoknock on " + escaped(f_.host) + "</h1><p>" +
               escaped(span_name(f_.since)) + " up to " + escaped(utc(to_seconds(f_.now))) +
               " UTC</p></header>\n";
    }

    void tile(std::string_view name, std::string_view value, std::string_view more = {},
              std::string_view style = {}) {
        out_ += "<div class=\"tile " + std::string(style) + "\"><span>" + escaped(name) + "</span><b>" +
                escaped(value) + "</b><small>" + escaped(more) + "</small></div>";
    }

    void tiles() {
        out_ += "<section class=\"tiles\">";
        if (!f_.running)
            tile("Server", "not reached", f_.not_running, "bad");
        else if (f_.running->accepting)
            tile("Server", "accepting", "knocks, up " + about(f_.running->uptime), "good");
        else
            tile("Server", "no knocks", f_.running->problem.empty() ? "no time" : f_.running->problem, "bad");
        if (f_.running) {
            tile("Open now", f_.running->grants ? grouped(*f_.running->grants) : "unknown", "live grants");
            tile("Clock", f_.running->accepting ? "good" : "see below", f_.running->clock);
        }
        tile("Granted", grouped(sum(granted_)), "knocks");
        tile("Refused", grouped(sum(refused_)),
             sum(failed_) > 0 ? "and " + grouped(sum(failed_)) + " failed" : "knocks");
        tile("Strangers", grouped(sum(syns_)), "SYNs to the pools");
        out_ += "</section>\n";
    }

    void keys() {
        std::vector<std::pair<std::string_view, const key_use*>> sorted;
        for (const auto& [name, use] : keys_) sorted.emplace_back(name, &use);
        std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
            return a.second->last.value_or(unix_time{}) > b.second->last.value_or(unix_time{});
        });
        out_ += "<section><h2>Keys and their last use</h2><div class=\"wide\"><table><thead><tr><th>Key</th>"
                "<th>Last use</th><th class=\"number\">Grants</th><th class=\"when\">When</th><th "
                "class=\"more\">Services</th>"
                "<th class=\"number more\">Bits</th></tr></thead><tbody>\n";
        std::size_t shown = 0;
        for (const auto& [name, use] : sorted) {
            if (shown++ == most_keys_shown) break;
            out_ += "<tr><th scope=\"row\">" + escaped(name) + "</th>";
            out_ += use->last ? "<td title=\"" + utc(to_seconds(*use->last)) + " UTC\">" +
                                    about(f_.now - *use->last) + " ago</td>"
                              : "<td class=\"never\" title=\"in the record\">not seen</td>";
            out_ += "<td class=\"number\">" + grouped(use->granted) + "</td><td class=\"when\">" +
                    strip("grants of " + std::string(name), use->strip) + "</td><td class=\"more\">" +
                    (use->configured || f_.keys.empty() ? escaped(use->services)
                                                        : "<em>no longer configured</em>") +
                    "</td><td class=\"number more\">" + escaped(use->bits) + "</td></tr>\n";
        }
        out_ += "</tbody></table></div>";
        if (sorted.empty()) out_ += "<p>No key is known: the server was not reached, and none was used.</p>";
        if (sorted.size() > most_keys_shown)
            out_ += "<p>and " + grouped(sorted.size() - most_keys_shown) + " more</p>";
        out_ += "</section>\n";
    }

    void reasons() {
        if (reasons_.empty()) return;
        std::vector<std::pair<std::string_view, std::uint64_t>> sorted(reasons_.begin(), reasons_.end());
        std::ranges::stable_sort(sorted, std::greater(), [](const auto& r) { return r.second; });
        if (sorted.size() > most_reasons_shown) sorted.resize(most_reasons_shown);
        out_ += "<section><h2>Why knocks were refused</h2><div class=\"wide\"><table><tbody>\n";
        for (const auto& [why, n] : sorted)
            out_ += "<tr><td class=\"number\">" + grouped(n) + "</td><td class=\"share\">" +
                    share_bar(n, sorted.front().second) + "</td><td>" + escaped(why) + "</td></tr>\n";
        out_ += "</tbody></table></div></section>\n";
    }

    void events() {
        out_ += "<section><h2>Latest events</h2><div class=\"wide\"><table "
                "class=\"events\"><thead><tr><th>When</th><th>What</th>"
                "<th>Key</th><th>Address</th><th>Services</th><th>Detail</th></tr></thead><tbody>\n";
        std::size_t shown = 0;
        for (const auto& e : f_.history) {
            if (e.when < axis_.begin || ++shown > most_events_shown) break;
            const std::string what(granting::to_string(e.what));
            out_ += "<tr><td class=\"moment\">" + utc(to_seconds(e.when)) + "</td><td><span class=\"badge " +
                    what + "\">" + what + "</span></td><td>" + escaped(e.key) + "</td><td>" +
                    (e.who ? escaped(e.who->to_string()) : "") + "</td><td>" + escaped(e.services) +
                    "</td><td>" + escaped(e.why) + "</td></tr>\n";
        }
        out_ += "</tbody></table></div>";
        if (shown == 0) out_ += "<p>None in this time.</p>";
        out_ += "</section>\n";
    }

    const findings& f_;
    time_axis axis_;
    std::vector<std::uint64_t> granted_, refused_, failed_;
    std::vector<std::uint64_t> syns_ = std::vector<std::uint64_t>(columns);
    std::vector<bool> known_ = std::vector<bool>(columns);
    std::vector<std::optional<band_column>> clock_ = std::vector<std::optional<band_column>>(columns);
    std::map<std::string, key_use> keys_;
    std::map<std::string, std::uint64_t> reasons_;
    std::string out_;
};

} // namespace

std::string page(const findings& f) { return composer(f).compose(); }

} // namespace chronoknock::report

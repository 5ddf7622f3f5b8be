#include "app/server_site.hpp"
#include "base/date.hpp"
#include "io/control/ask.hpp"
#include "io/store/record_past.hpp"
#include "io/system/as_owner.hpp"
#include "io/system/clock.hpp"
#include "io/system/publish.hpp"
#include "report/page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>
#include <unistd.h>

namespace chronoknock::app {

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr nanoseconds least_since = 1min;
constexpr nanoseconds most_since = 24h * 3650;
constexpr mode_t owner_only = 0600; // names and addresses

usage report_usage() {
    usage u{"report --out FILE [OPTION...]",
            "Writes a page of HTML, all in one file, with pictures of what the server has seen and done: "
            "grants and refusals, keys and their last use, strangers, the clock. It is read from the "
            "server's record, and the running server is asked how it is now."};
    u.options.add_options() //
        ("out", text("FILE")->required(),
         "the page; one of that name is replaced, - is the standard output") //
        ("since", text("TIME"),
         "so far back (30d, 12h, 90m), @UNIXTIME or a date (as far as the record goes, 30d at most)");
    add_config_option(u.options);
    return u;
}

/// How far back a moment is.
result<nanoseconds> parse_since(const std::string& given_text, unix_time now) {
    const auto from = parse_moment(given_text, now, direction::back);
    if (!from) return from.error();
    const auto length = now - *from;
    if (length < least_since || length > most_since)
        return error{"expected a minute to 3650 days back, not '" + printable(given_text) + "'"};
    return length;
}

std::string text_of(const json::object& o, std::string_view name) {
    const auto* found = o.if_contains(name);
    const auto* s = found ? found->if_string() : nullptr;
    return s ? std::string(s->data(), s->size()) : "";
}

/// What the running server's status says; what is not there is left out.
void add_status(const json::object& status, report::findings& f) {
    auto& running = f.running.emplace();
    const auto number = [](const json::object& o, std::string_view name) {
        const auto* found = o.if_contains(name);
        return found && found->is_number() ? found->to_number<double>() : 0;
    };
    if (const auto* accepting = status.if_contains("accepting"))
        running.accepting = accepting->is_bool() && accepting->get_bool();
    running.problem = text_of(status, "problem");
    running.uptime = seconds(static_cast<std::int64_t>(number(status, "uptime")));
    if (const auto version = text_of(status, "version"); !version.empty()) f.version = version;
    if (const auto* time = status.if_contains("time"); time && time->is_object())
        running.clock = text_of(time->get_object(), "verdict");
    if (const auto* grants = status.if_contains("grants"); grants && grants->is_object())
        if (grants->get_object().contains("live"))
            running.grants = static_cast<std::uint64_t>(number(grants->get_object(), "live"));
    const auto* keys = status.if_contains("keys");
    if (!keys || !keys->is_array()) return;
    for (const auto& one : keys->get_array()) {
        if (!one.is_object()) continue;
        const auto& k = one.get_object();
        report::findings::key key{text_of(k, "name"), "", number(k, "security_bits")};
        if (const auto* services = k.if_contains("services"); services && services->is_array())
            for (const auto& s : services->get_array())
                if (s.is_string())
                    key.services += (key.services.empty() ? "" : ", ") +
                                    std::string(s.get_string().data(), s.get_string().size());
        if (const auto last = number(k, "last_knock"); last > 0 && last < 1e10)
            key.last =
                unix_time{std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(last))};
        f.keys.push_back(std::move(key));
    }
}

/// How far back there is something to see, in whole hours, or days where it is more than two.
nanoseconds extent(const report::findings& f) {
    auto earliest = f.now - 1h;
    if (!f.history.empty()) earliest = std::min(earliest, f.history.back().when);
    if (!f.series.empty()) earliest = std::min(earliest, f.series.front().end - f.series.front().span);
    const nanoseconds unit = f.now - earliest > 48h ? 24h : 1h;
    return std::clamp<nanoseconds>((f.now - earliest + unit) / unit * unit, 1h, f.since);
}

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "this host";
}

} // namespace

int run_report(const arguments& args) {
    const auto options = parse_options(args, report_usage());
    report::findings f;
    f.now = io::system_now();
    const auto since = parse_since(given(options, "since").value_or("30d"), f.now);
    if (!since) return unfit("since", since.error());
    const auto where = find_server(options).paths;

    f.since = *since;
    f.host = host_name();
    f.version = CHRONOKNOCK_VERSION;
    if (const auto status = io::ask(where.control, {"status"}, {2s, 10s}))
        add_status(*status, f);
    else
        f.not_running = status.error().text;

    const bool as_far_as_it_goes = !given(options, "since");
    // The record is the server's user's, and so is what lies beside it, which SQLite goes by.
    const auto page = io::do_as_owner(where.state, [&]() -> result<std::string> {
        auto past = io::read_past(where.state, f.now - *since);
        if (!past) return past.error();
        f.history = std::move(past->history);
        f.series = std::move(past->series);
        if (as_far_as_it_goes) f.since = extent(f);
        return {boost::system::in_place_value, report::page(f)};
    });
    if (!page) return say(failed, page.error().text);
    const auto out = *given(options, "out");
    if (out == "-") {
        std::cout << *page;
        return done;
    }
    if (const auto written = io::publish_file(out, *page, owner_only); !written)
        return say(failed, written.error().text);
    return done;
}

} // namespace chronoknock::app

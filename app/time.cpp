#include "app/options.hpp"
#include "base/in_words.hpp"
#include "io/system/clock.hpp"
#include "io/time/nts_ke.hpp"
#include "io/time/timesync.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace chronoknock::app {

namespace {

namespace json = boost::json;
using timesync::server_report;

constexpr nanoseconds patience = seconds(5);
constexpr nanoseconds watch_interval = seconds(1); ///< lines at most this often

usage time_usage() {
    usage u{
        "time SERVER... [OPTION...]",
        "Asks time servers and prints what they say, and what they agree on. SERVER is HOST[:PORT],\n"
        "pool:NAME[:PORT], or nts://HOST[:PORT] for authenticated answers. First column: * best, + counts\n"
        "as well, - agrees but does not count, x false, ? not heard. Offset is the server's time less this\n"
        "machine's clock, bound the most that it can be wrong by if the server is honest."};
    u.options.add_options()("json", "print JSON")("watch", "go on, and print what changes")(
        "nts-ca", text("FILE"), "file of the authorities for nts:// servers (the system's)");
    u.hidden.add_options()("server", po::value<std::vector<std::string>>());
    u.positional.add("server", -1);
    return u;
}

/// "12.3us", "1.25ms", "3.000s", as chronyc has them.
std::string short_time(nanoseconds d, bool sign = false) {
    const auto size = std::chrono::abs(d);
    char text[32];
    const auto print = [&](const char* with_sign, const char* without, double value) {
        std::snprintf(text, sizeof text, sign ? with_sign : without, value);
    };
    if (size < milliseconds(1))
        print("%+.1fus", "%.1fus", in_seconds(d) * 1e6);
    else if (size < seconds(1))
        print("%+.2fms", "%.2fms", in_seconds(d) * 1e3);
    else
        print("%+.3fs", "%.3fs", in_seconds(d));
    return text;
}

std::string octal(std::uint8_t n) {
    std::ostringstream text;
    text << std::oct << int{n};
    return text.str();
}

std::string authentication(const server_report& s) {
    if (!s.nts) return "no";
    return s.authenticated ? "NTS" : "NTS?";
}

std::string table(const timesync::report& r) {
    std::size_t widest = 6;
    for (const auto& s : r.servers) widest = std::max(widest, s.name.size());
    std::ostringstream out;
    const auto line = [&](char mark, const auto&... cells) {
        constexpr int widths[] = {8, 6, 11, 10, 10, 6};
        std::size_t i = 0;
        const auto cell = [&](const std::string& text) {
            if (i == 0)
                out << mark << ' ' << std::left << std::setw(static_cast<int>(widest)) << text << std::right;
            else
                out << std::setw(widths[i - 1]) << text;
            ++i;
        };
        (cell(cells), ...);
        out << '\n';
    };
    const std::string none = "-";
    line(' ', std::string{"Server"}, std::string{"Stratum"}, std::string{"Reach"}, std::string{"Offset"},
         std::string{"Delay"}, std::string{"Bound"}, std::string{"Auth"});
    for (const auto& s : r.servers) {
        const auto mark = static_cast<char>(s.mark);
        if (s.sampled)
            line(mark, s.name, std::to_string(s.stratum), octal(s.reach), short_time(s.offset, true),
                 short_time(s.delay), short_time(s.bound), authentication(s));
        else
            line(mark, s.name, none, octal(s.reach), none, none, none, authentication(s));
        if (!s.problem.empty()) out << "    " << s.problem << '\n';
    }
    out << r.verdict << '\n';
    if (r.estimate)
        out << "The system clock needs " << short_time(r.offset, true) << ", give or take "
            << short_time(r.estimate->error) << ".\n";
    return out.str();
}

json::object to_json(const server_report& s) {
    json::object o{{"server", s.name},
                   {"address", s.address},
                   {"mark", std::string(1, static_cast<char>(s.mark))},
                   {"state", timesync::to_string(s.state)},
                   {"nts", s.nts},
                   {"authenticated", s.authenticated},
                   {"reach", s.reach},
                   {"interval", in_seconds(s.interval)},
                   {"refused", s.refused},
                   {"problem", s.problem}};
    if (!s.sampled) return o;
    o["stratum"] = s.stratum;
    o["reference"] = s.reference;
    o["offset"] = in_seconds(s.offset);
    o["delay"] = in_seconds(s.delay);
    o["jitter"] = in_seconds(s.jitter);
    o["bound"] = in_seconds(s.bound);
    return o;
}

json::object to_json(const timesync::report& r, bool synchronised) {
    json::array servers;
    for (const auto& s : r.servers) servers.push_back(to_json(s));
    json::object o{{"servers", std::move(servers)},
                   {"synchronised", synchronised},
                   {"state", timesync::to_string(r.state)},
                   {"needed", r.needed},
                   {"agreeing", r.agreeing},
                   {"verdict", r.verdict}};
    if (!r.estimate) return o;
    o["time"] = in_seconds(r.estimate->t.time_since_epoch());
    o["error"] = in_seconds(r.estimate->error);
    o["offset"] = in_seconds(r.offset);
    o["frequency_ppm"] = r.frequency * 1e6;
    o["frequency_bound_ppm"] = r.frequency_bound * 1e6;
    return o;
}

result<std::vector<config::time_server>> servers_of(const po::variables_map& options) {
    std::vector<config::time_server> servers;
    if (!options.count("server")) return error{"expected at least one SERVER"};
    for (const auto& text : options["server"].as<std::vector<std::string>>()) {
        auto s = config::time_server::parse(text);
        if (!s) return s.error();
        servers.push_back(std::move(*s));
    }
    return servers;
}

/// Prints the report of a service, and what it comes to as an exit status.
class printer {
public:
    printer(io::time_service& service, bool as_json) : service_(service), json_(as_json) {}

    int print() {
        const auto r = service_.report();
        // Servers that contradict each other are no time, though the first to answer was believed at first.
        const bool synchronised = r.state == timesync::sync_state::synchronised;
        if (json_)
            std::cout << to_json(r, synchronised) << std::endl;
        else
            std::cout << table(r) << std::flush;
        return synchronised ? done : failed;
    }

    /// On a terminal the new table takes the old one's place.
    void refresh() {
        if (!json_) std::cout << (isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "\n");
        print();
    }

private:
    io::time_service& service_;
    bool json_;
};

void ask_once(boost::asio::io_context& context, io::time_service& service) {
    service.on_update([&] {
        if (service.settled()) context.stop();
    });
    service.start();
    context.run_for(patience);
}

void watch(boost::asio::io_context& context, io::time_service& service, printer& out) {
    boost::asio::steady_timer timer{context};
    bool news = false;
    std::function<void(boost::system::error_code)> tick = [&](boost::system::error_code) {
        if (std::exchange(news, false)) out.refresh();
        if (!std::cout) return context.stop(); // whoever read it has gone
        timer.expires_after(watch_interval);
        timer.async_wait(tick);
    };
    service.on_update([&] { news = true; });
    service.start();
    tick({});
    context.run();
}

} // namespace

int run_time(const arguments& args) {
    const auto options = parse_options(args, time_usage());

    config::time_settings settings;
    auto servers = servers_of(options);
    if (!servers) return say(bad_usage, servers.error().text);
    settings.servers = std::move(*servers);
    settings.ca_file = given(options, "nts-ca").value_or("");
    if (const auto added = io::add_authorities(settings, io::read_authorities); !added)
        return unfit("nts-ca", added.error());

    boost::asio::io_context context;
    std::optional<io::time_service> service;
    try {
        service.emplace(context, settings, io::time_service::role::once);
    } catch (const std::runtime_error& e) {
        return unfit("nts-ca", {e.what()});
    }
    printer out{*service, options.count("json") > 0};
    if (options.count("watch"))
        watch(context, *service, out);
    else
        ask_once(context, *service);
    return out.print();
}

} // namespace chronoknock::app

#include "app/entry.hpp"
#include "app/sources.hpp"
#include "app/verdict.hpp"
#include "client/checkup.hpp"
#include "client/stun.hpp"
#include "io/control/plain_json.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iomanip>
#include <iostream>

namespace chronoknock::app {

namespace {

namespace json = boost::json;
using client::check;
using client::health;

usage doctor_usage() {
    usage u{
        "doctor TARGET [SERVICE] [OPTION...]",
        "Looks at each link from the name of a server to its open door, in order: name, route, own address,\n"
        "clock, key, window, door, knock. Of the first that is wrong it says what to do. TARGET, SERVICE "
        "and\n"
        "options are those of knock; with --wait PORT, or in the profile, it tries that port and knocks."};
    add_order_options(u.options);
    u.options.add_options() //
        ("wait", text("PORT"), "the TCP port of the door")("json", "print JSON");
    add_request_options(u.options);
    u.hidden.add_options()("target", text("TARGET"))("service", text("SERVICE"));
    u.positional.add("target", 1).add("service", 1);
    return u;
}

/// What was found, printed as it is found, or as JSON at the end.
class report {
public:
    report(std::string target, bool as_json) : target_(std::move(target)), json_(as_json) {}

    /// False if the link is broken, and what comes after it not worth a look.
    bool add(check c, int status = failed) {
        checks_.push_back(c);
        if (c.state == health::wrong) status_ = status;
        if (advice_.empty()) advice_ = c.advice;
        if (!json_)
            std::cout << std::left << std::setw(8) << c.name << " " << std::setw(7)
                      << client::to_string(c.state) << " " << c.text << std::endl;
        return c.state != health::wrong;
    }
    void set_cause(client::cause c) { cause_ = c; }

    int end(int status) const {
        if (!json_) {
            if (!advice_.empty()) std::cout << "To do: " << advice_ << ".\n";
            return status;
        }
        json::array all;
        for (const auto& c : checks_)
            all.push_back(json::object{{"check", std::string(c.name)},
                                       {"state", std::string(client::to_string(c.state))},
                                       {"text", c.text}});
        json::object whole{{"target", target_}, {"checks", std::move(all)}, {"advice", advice_}};
        if (cause_ != client::cause::none) whole["cause"] = std::string(client::to_string(cause_));
        std::cout << io::plain_json(whole) << "\n";
        return status;
    }
    int end() const { return end(status_); }

private:
    std::string target_;
    bool json_;
    std::vector<check> checks_;
    std::string advice_; ///< of the first link that has one
    client::cause cause_ = client::cause::none;
    int status_ = done;
};

/// Name and routes: the ways that a knock goes by. None: there is none.
std::vector<way> look_for_ways(const order& o, report& r) {
    const auto found = find_addresses(o);
    result<std::vector<address>> addresses = std::vector<address>();
    if (found)
        for (const auto& to : *found) addresses->push_back(to.ip);
    else
        addresses = found.error();
    if (!r.add(client::check_name(o.profile.host, addresses))) return {};
    const auto all = find_ways(o, *found);
    if (!all) {
        r.add(client::check_route(addresses->front(), all.error()));
        return {};
    }
    const auto ways = knock_ways(o, *all);
    for (const auto& w : ways) r.add(client::check_route(w.to.ip, w.source));
    return ways;
}

/// For which address each way's knock is made.
bool look_at_addresses(const order& o, std::vector<way>& ways, source_question& sources, report& r) {
    const auto& said = sources.answers();
    bool all_right = true;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        client::address_facts f{ways[i].to.ip, ways[i].source};
        f.heeds_address = (!o.key || o.key->heeds_address()) && !o.request.beneficiary;
        f.given = o.profile.source;
        if (said[i]) f.stun = *said[i] ? result<address>((*said[i])->mapped) : said[i]->error();
        f.stun_alone = said[i] && *said[i] && (*said[i])->witnesses == 1;
        all_right = r.add(client::check_address(f)) && all_right;
    }
    return all_right;
}

bool look_at_clock(const order& o, time_question& time, report& r) {
    const auto from = clock_of(o);
    std::optional<result<client::clock_fix>> asked;
    if (from == client::time_source::servers) {
        const auto& fix = time.fix();
        if (fix) {
            const auto t = fix->time.t + (io::boot_now() - fix->at);
            asked = client::clock_fix{t - io::system_now(), fix->time.error};
        } else {
            asked = fix.error();
        }
    }
    return r.add(client::check_clock(from, asked, o.key ? o.key->granularity() : 0));
}

/// Tries the door and knocks, or only knocks.
int look_at_door(const order& o, report& r) {
    using client::port_state;
    const auto port = o.profile.wait;
    entry e;
    if (port == 0)
        e.knocks = knock_anyway(o, 0);
    else
        e = enter(o, port);
    client::knock_facts f;
    f.port = port;
    f.before = port == 0 ? port_state::untried : port_state::open;
    std::optional<nanoseconds> after;
    if (!e.knocks.empty()) {
        f = telling_facts(o, e.knocks, port);
        for (const auto& k : e.knocks)
            if (k.report.opened_after) after = k.report.opened_after;
        if (e.connection && !after) after = nanoseconds(0);
    }
    if (after) remember_opening(o);
    r.add(client::check_door(port, f.before));
    if (!e.knocks.empty()) r.add(client::check_knock(f));
    const bool opened = r.add(client::check_opening(f, after), not_opened);
    if (!opened) r.set_cause(client::diagnose(f).why);
    return r.end();
}

int doctor(const po::variables_map& options, const usage& u) {
    auto profile = read_profile(options, u);
    report r(profile.host, options.count("json") != 0);
    const auto key = read_key(options, profile);
    const auto o = make_order(options, std::move(profile), key ? *key : nullptr);
    std::optional<time_question> time(o);
    auto ways = look_for_ways(o, r);
    if (ways.empty()) return r.end();
    source_question sources(o, ways);
    if (!look_at_addresses(o, ways, sources, r)) return r.end();
    if (!look_at_clock(o, *time, r)) return r.end();
    result<std::string> kind = key ? error{} : key.error();
    const auto print = key ? (*key)->shown_fingerprint() : std::string();
    if (key)
        kind = {boost::system::in_place_value,
                std::string((*key)->method()) + " key" + (print.empty() ? "" : " " + print)};
    if (!r.add(client::check_key(kind), bad_usage)) return r.end();
    try {
        if (sources.asks()) sources.settle(ways);
        turn_taker taker(o, ways);
        r.add(client::check_window(taker.peek(ways.front(), *time), o.key->granularity()));
        return look_at_door(o, r);
    } catch (const stop& s) { // its message has been said
        return r.end(s.status);
    }
}

} // namespace

int run_doctor(const arguments& args) {
    const auto u = doctor_usage();
    return doctor(parse_options(args, u), u);
}

} // namespace chronoknock::app

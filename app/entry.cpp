#include "app/entry.hpp"

#include "app/progress.hpp"
#include "app/sources.hpp"
#include "app/verdict.hpp"
#include "client/door.hpp"
#include "io/client/door_tries.hpp"
#include "io/client/path_memory.hpp"
#include "io/client/route.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <iterator>
#include <sys/socket.h>
#include <thread>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

/// A wait that is shorter is not worth a word.
constexpr nanoseconds silent_wait = 1s;
/// A knock that has less time than that left opens nothing on a long way.
constexpr nanoseconds shortest_last = 1s;

std::optional<io::path_memory> open_path_memory() {
    const auto path = io::window_memory_path();
    if (!path) return {};
    auto memory = io::path_memory::open(*path);
    if (!memory) return {}; // whoever needs the file more will say so
    return std::move(*memory);
}

/// How long the door of each way may keep silent.
std::vector<nanoseconds> silences(const std::vector<way>& ways) {
    auto memory = open_path_memory();
    std::vector<nanoseconds> all;
    for (const auto& w : ways) {
        const auto remembered = memory ? memory->round_trip(w.to.ip, w.source) : std::nullopt;
        all.push_back(client::silence_of_shut_door(remembered, !remembered && io::is_on_link(w.to)));
    }
    return all;
}

io::door_tries tries_of(const std::vector<way>& ways, std::uint16_t port) {
    std::vector<io::door_tries::side> sides;
    for (const auto& w : ways) sides.push_back({w.to, w.bind});
    return {std::move(sides), port};
}

/// Goes on trying until the wait is over; says so if it is long.
std::optional<io::descriptor> wait_at(io::door_tries& door, nanoseconds wait) {
    const auto until = io::boot_now() + wait;
    if (auto open = door.keep_trying(std::min(until, io::boot_now() + silent_wait))) return open;
    const auto left = until - io::boot_now();
    if (left > 0ns) tell(window_used(left) + ", waiting");
    return door.keep_trying(until);
}

/// Of each address whether its door has answered as a closed port does.
std::vector<address> refusals(const std::vector<way>& all, const io::door_tries& door) {
    std::vector<address> found;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (door.was_refused(i)) found.push_back(all[i].to.ip);
    return found;
}

/// The knocks for one shut door: one for the window of now, and one for each that begins while the door stays
/// shut, until the wait is over. (A server takes no window that began before its first start, and none while
/// it has no time.)
class siege {
public:
    siege(const order& o, std::vector<way> ways, time_question& time, io::door_tries& door,
          std::vector<address> refusals, std::uint16_t port)
        : order_(o), ways_(std::move(ways)), time_(time), door_(door), refusals_(std::move(refusals)),
          port_(port), taker_(o, ways_) {}

    entry run() {
        entry e;
        for (;;) {
            const auto taken = taker_.take(time_);
            if (!taken.any()) {
                if (e.knocks.empty() && order_.no_wait) throw stop{say(failed, window_used(taken.wait))};
                if (auto open = wait(e, taken.wait)) return {std::move(*open), std::move(e.knocks)};
                if (is_over(io::boot_now())) return e;
                continue;
            }
            const bool last = knock(e, taken);
            if (e.connection || last) return e;
        }
    }

private:
    bool is_over(instant now) const { return until_ && now >= *until_; }

    /// Between windows; after a knock no longer than the whole wait.
    std::optional<io::descriptor> wait(const entry& e, nanoseconds time) {
        if (e.knocks.empty()) return wait_at(door_, time);
        const progress shown(order_, "the door is shut yet: waiting for the next window");
        return door_.keep_trying(std::min(io::boot_now() + time, *until_));
    }

    /// Sends knocks and tries the door. True: there will be no others.
    bool knock(entry& e, const turns& taken) {
        const auto now = io::boot_now();
        if (!until_) until_ = now + order_.profile.wait_limit;
        auto limit = *until_ - now;
        const auto next = taker_.until_next(taken, time_);
        const bool last = !next || *next + shortest_last >= limit;
        if (!last) limit = *next;
        auto tries = door_.release();
        std::ranges::move(unanswered_, std::back_inserter(tries));
        unanswered_.clear();
        std::vector<sent_knock> sent;
        {
            const progress shown(order_, "knocking");
            sent = send_knocks(order_, ways_, taken, taker_, port_, limit, std::move(tries));
        }
        for (auto& k : sent) {
            if (order_.verbose) tell(in_words(order_, k));
            add(e, std::move(k));
        }
        const bool refused = std::ranges::all_of(e.knocks, [](const auto& k) { return k.report.refused; });
        return last || refused;
    }

    void add(entry& e, sent_knock k) {
        std::ranges::move(k.report.tries, std::back_inserter(unanswered_));
        if (k.report.opened_after) e.connection = std::move(k.report.connection);
        k.door_refused = std::ranges::find(refusals_, k.by.to.ip) != refusals_.end();
        const auto same =
            std::ranges::find_if(e.knocks, [&](const auto& o) { return o.by.to.ip == k.by.to.ip; });
        if (same == e.knocks.end()) return e.knocks.push_back(std::move(k));
        auto& r = same->report;
        r.syns += k.report.syns;
        r.rounds += k.report.rounds;
        r.answered += k.report.answered;
        r.opened_after = k.report.opened_after;
        r.refused = k.report.refused;
        r.unanswered = k.report.unanswered;
        if (!k.report.obstacle.empty()) r.obstacle = k.report.obstacle;
        same->clock_error = k.clock_error;
        ++same->moments;
    }

    const order& order_;
    std::vector<way> ways_;
    time_question& time_;
    io::door_tries& door_;
    std::vector<address> refusals_;
    std::uint16_t port_;
    turn_taker taker_;
    std::vector<io::descriptor> unanswered_; ///< connections begun beside the last knocks
    std::optional<instant> until_{};         ///< the whole wait is over
};

} // namespace

entry enter(const order& o, std::uint16_t port) {
    const auto all = find_ways(o);
    auto ways = knock_ways(o, all);
    if (o.verbose)
        for (const auto& w : all)
            tell("trying port " + std::to_string(port) + " of " + w.to.ip.to_string() + " from " +
                 w.source.to_string());
    auto door = tries_of(all, port);
    std::optional<time_question> time;
    std::optional<source_question> sources;
    const auto ask = [&] {
        time.emplace(o);
        sources.emplace(o, ways);
    };
    auto open = door.try_once([&] {
        ask();
        return silences(all);
    });
    if (open) return {std::move(*open), {}};

    if (o.verbose) tell("the port is shut: asking what a knock needs to know");
    if (!time) ask();
    warn_of_translation(o, ways);
    if (time->asks())
        if (open = door.keep_trying(instant::max(), time->answered()); open) return {std::move(*open), {}};
    if (sources->asks())
        if (open = door.keep_trying(instant::max(), sources->answered()); open) return {std::move(*open), {}};
    sources->settle(ways);
    return siege(o, std::move(ways), *time, door, refusals(all, door), port).run();
}

std::vector<sent_knock> knock_anyway(const order& o, std::uint16_t port) {
    time_question time(o);
    auto ways = knock_ways(o, find_ways(o));
    warn_of_translation(o, ways);
    source_question(o, ways).settle(ways);
    turn_taker taker(o, ways);
    for (;;) {
        const auto taken = taker.take(time);
        if (taken.any()) return send_knocks(o, ways, taken, taker, port, o.profile.wait_limit);
        if (o.no_wait) throw stop{say(failed, window_used(taken.wait))};
        tell(window_used(taken.wait) + ", waiting");
        std::this_thread::sleep_for(taken.wait);
    }
}

void tell_of_silence(const order& o, const std::vector<sent_knock>& knocks) {
    if (std::ranges::all_of(knocks, [](const auto& k) { return k.report.unanswered; })) {
        const auto found = client::diagnose(telling_facts(o, knocks, 0));
        throw stop{say(failed, found.reason + "; " + found.advice)};
    }
    if (o.profile.rounds != 0) return; // then no answer has been waited for
    std::uint32_t syns = 0;
    for (const auto& k : knocks) {
        if (!hears_answers(o, k) || k.report.answered != 0) return;
        syns += k.report.syns;
    }
    for (const auto& k : knocks)
        if (!k.report.obstacle.empty()) {
            const auto f = client::diagnose(facts_of(o, k, 0));
            throw stop{say(failed, f.reason + "; " + f.advice)};
        }
    tell("none of the " + std::to_string(syns) +
         " SYNs was answered: the host keeps silent, or is not there; --wait PORT sees whether a port opens");
}

void remember_round_trip(const io::descriptor& connection) {
    const auto measured = io::round_trip_of(connection);
    io::socket_address here;
    io::socket_address there;
    here.size = there.size = sizeof here.storage;
    if (!measured || ::getsockname(connection.get(), here.get(), &here.size) != 0 ||
        ::getpeername(connection.get(), there.get(), &there.size) != 0)
        return;
    auto memory = open_path_memory();
    const auto from = io::to_destination(here.get());
    const auto to = io::to_destination(there.get());
    if (!memory || !from || !to) return;
    if (client::worth_remembering(memory->round_trip(to->ip, from->ip), *measured))
        if (const auto noted = memory->note(to->ip, from->ip, *measured); !noted) tell(noted.error().text);
}

} // namespace chronoknock::app

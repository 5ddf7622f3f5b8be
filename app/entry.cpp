#include "app/entry.hpp"

#include "client/door.hpp"
#include "io/client/door_tries.hpp"
#include "io/client/path_memory.hpp"
#include "io/client/route.hpp"
#include "io/system/clock.hpp"

#include <sys/socket.h>

namespace chronoknock::app {

namespace {

using namespace std::chrono_literals;

/// A wait that is shorter is not worth a word.
constexpr nanoseconds silent_wait = 1s;

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

} // namespace

entry enter(const order& o, std::uint16_t port) {
    const auto all = find_ways(o);
    auto door = tries_of(all, port);
    std::optional<time_question> time;
    auto open = door.try_once([&] {
        time.emplace(o);
        return silences(all);
    });
    if (open) return {std::move(*open), {}};

    if (!time) time.emplace(o);
    const auto ways = knock_ways(o, all);
    warn_of_translation(o, ways);
    if (time->asks())
        if (open = door.keep_trying(instant::max(), time->answered()); open) return {std::move(*open), {}};
    turn_taker taker(o, ways);
    for (;;) {
        const auto taken = taker.take(*time);
        if (!taken.any()) {
            if (o.no_wait) throw stop{say(failed, window_used(taken.wait))};
            if (open = wait_at(door, taken.wait); open) return {std::move(*open), {}};
            continue;
        }
        entry e{io::descriptor(), send_knocks(o, ways, taken, taker, port, door.release())};
        for (auto& k : e.knocks)
            if (k.report.opened_after) e.connection = std::move(k.report.connection);
        return e;
    }
}

std::string stayed_shut(const order& o, std::uint16_t port) {
    return "port " + std::to_string(port) + " did not open within " + to_string(o.profile.wait_limit);
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

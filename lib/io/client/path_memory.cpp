#include "io/client/path_memory.hpp"

#include <algorithm>
#include <array>

namespace chronoknock::io {

namespace {

constexpr const char* schema =
    "create table if not exists path (number integer primary key, target text, source "
    "text, round_trip integer not null, unique (target, source))";
/// The network that a machine is in, as far as its address tells: IPv6 addresses change within theirs (RFC
/// 8981).
std::string network_of(const address& source) {
    if (source.is_v4()) return source.to_string();
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(source.bytes().first(8), bytes.begin());
    return address::v6(bytes).to_string();
}

/// Paths remembered; the one noted first is forgotten first.
constexpr const char* forget_old = "delete from path where number <= (select max(number) from path) - 1000";

} // namespace

result<path_memory> path_memory::open(const std::string& path) {
    auto db = database::open(path, schema);
    if (!db) return db.error();
    return path_memory(std::move(*db));
}

std::optional<nanoseconds> path_memory::round_trip(const address& target, const address& source) {
    statement find(db_, "select round_trip from path where target = ? and source = ?");
    const auto to = target.to_string();
    const auto from = network_of(source);
    const auto row = find.bind(to).bind(from).step();
    if (!row || !*row) return {};
    return nanoseconds(find.integer(0));
}

result<void> path_memory::note(const address& target, const address& source, nanoseconds round_trip) {
    return db_.transaction([&]() -> result<void> {
        statement put(db_, "insert or replace into path (target, source, round_trip) values (?, ?, ?)");
        const auto to = target.to_string();
        const auto from = network_of(source);
        if (const auto done = put.bind(to).bind(from).bind(round_trip.count()).step(); !done)
            return done.error();
        return db_.run(forget_old);
    });
}

} // namespace chronoknock::io

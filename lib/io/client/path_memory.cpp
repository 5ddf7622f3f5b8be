#include "io/client/path_memory.hpp"

namespace chronoknock::io {

namespace {

constexpr const char* schema = "create table if not exists path (number integer primary key, target text, source "
                               "text, round_trip integer not null, unique (target, source))";
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
    const auto from = source.to_string();
    const auto row = find.bind(to).bind(from).step();
    if (!row || !*row) return {};
    return nanoseconds(find.integer(0));
}

result<void> path_memory::note(const address& target, const address& source, nanoseconds round_trip) {
    return db_.transaction([&]() -> result<void> {
        statement put(db_, "insert or replace into path (target, source, round_trip) values (?, ?, ?)");
        const auto to = target.to_string();
        const auto from = source.to_string();
        if (const auto done = put.bind(to).bind(from).bind(round_trip.count()).step(); !done)
            return done.error();
        return db_.run(forget_old);
    });
}

} // namespace chronoknock::io

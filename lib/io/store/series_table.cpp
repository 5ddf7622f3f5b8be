#include "io/store/series_table.hpp"

namespace chronoknock::io {

namespace {

// Made by the first row, not with the schema: older programs read the file as before. Times in nanoseconds;
// error is -1 where the time was not known.
constexpr const char* table = R"(
create table if not exists series (
    at integer primary key, span integer not null, syns integer not null, granted integer not null,
    refused integer not null, failed integer not null, offset integer not null, error integer not null)
)";

std::int64_t stored(std::uint64_t n) { return static_cast<std::int64_t>(n); }
std::uint64_t counted(std::int64_t n) { return n < 0 ? 0 : static_cast<std::uint64_t>(n); }

} // namespace

result<void> add_to_series(database& db, std::span<const report::period> rows) {
    return db.transaction([&]() -> result<void> {
        if (auto made = db.run(table); !made) return made;
        statement insert(db, "insert or replace into series values (?, ?, ?, ?, ?, ?, ?, ?)");
        for (const auto& r : rows) {
            insert.bind(r.end.time_since_epoch().count()).bind(r.span.count()).bind(stored(r.syns));
            insert.bind(stored(r.granted)).bind(stored(r.refused)).bind(stored(r.failed));
            insert.bind(r.clock ? r.clock->offset.count() : std::int64_t{0});
            insert.bind(r.clock ? r.clock->error.count() : std::int64_t{-1});
            if (const auto done = insert.step(); !done) return done.error();
            insert.reset();
        }
        statement drop(db, "delete from series where at <= (select at from series "
                           "order by at desc limit 1 offset ?)");
        if (const auto done = drop.bind(stored(report::most_periods)).step(); !done) return done.error();
        return {};
    });
}

result<std::vector<report::period>> series_since(database& db, unix_time since) {
    std::vector<report::period> rows;
    {
        statement there(db, "select 1 from sqlite_master where type = 'table' and name = 'series'");
        const auto row = there.step();
        if (!row) return row.error();
        if (!*row) return rows;
    }
    statement s(db, "select at, span, syns, granted, refused, failed, offset, error from series "
                    "where at >= ? order by at");
    s.bind(since.time_since_epoch().count());
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return rows;
        report::period p{unix_time{nanoseconds(s.integer(0))},
                         nanoseconds(s.integer(1)),
                         counted(s.integer(2)),
                         counted(s.integer(3)),
                         counted(s.integer(4)),
                         counted(s.integer(5))};
        if (s.integer(7) >= 0) p.clock = {nanoseconds(s.integer(6)), nanoseconds(s.integer(7))};
        rows.push_back(p);
    }
}

} // namespace chronoknock::io

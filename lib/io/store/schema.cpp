#include "io/store/schema.hpp"

#include "io/store/opened_table.hpp"

namespace chronoknock::io {

namespace {

// Kept in `pragma user_version`. Version 0 had, for burnt windows, (key, service, who, t0, accepted). Version
// 1 had no table `opened`: whose a grant was the history said.
constexpr std::int64_t newest_version = 2;

// burnt: the tokens; `who` is empty where it is not known; times in nanoseconds.
// floor: at most one row: what it says holds for one boot of the machine, or, after a clean stop, for any.
// mark: a row for each mark: what it was at the last commit that it was renewed for.
// history: `kind` as in history_entry.
constexpr const char* schema = R"(
create table burnt (
    key text, place integer, identity blob, who text not null, accepted integer not null,
    primary key (key, place, identity)) without rowid;
create table if not exists floor (boot text, t integer not null);
create table if not exists mark (one integer primary key, count integer not null, changed integer not null);
create table history (
    id integer primary key, at integer not null, kind integer not null, key text not null,
    who text not null, services text not null, why text not null);
create index history_of_kind on history (kind, id);
)";

// opened: what each key (its name) opened last for whom, and until when (opened_table.cpp).
constexpr const char* added_by_version_2 = R"(
create table opened (
    key text, who text, service text, fingerprint text not null, at integer not null, until integer,
    primary key (key, who, service)) without rowid;
pragma user_version = 2;
)";

constexpr const char* put_away_version_0 = "alter table burnt rename to burnt_0";
// The identity of a window's token is the service's name, a zero and the address.
constexpr const char* take_over_version_0 = R"(
insert or replace into burnt
    select key, t0, cast(service || char(0) || who as blob), who, accepted from burnt_0;
drop table burnt_0;
)";

result<std::int64_t> number(database& db, const char* sql) {
    statement s(db, sql);
    const auto row = s.step();
    if (!row) return row.error();
    return *row ? s.integer(0) : 0;
}

/// What version 0 held is taken over.
result<void> make_version_1(database& db) {
    const auto is_old = number(db, "select count(*) from sqlite_master where name = 'burnt'");
    if (!is_old) return is_old.error();
    if (*is_old > 0)
        if (const auto done = db.run(put_away_version_0); !done) return done;
    if (const auto done = db.run(schema); !done) return done;
    return *is_old > 0 ? db.run(take_over_version_0) : result<void>();
}

} // namespace

result<void> bring_up_to_date(database& db) {
    const auto found = number(db, "pragma user_version");
    if (!found) return found.error();
    if (*found > newest_version)
        return error{db.path() + ": expected a state file of version " + std::to_string(newest_version) +
                     " at most; this one, of version " + std::to_string(*found) +
                     ", was made by a newer chronoknock"};
    if (const auto done = db.use_wal(); !done || *found == newest_version) return done;
    return db.transaction([&]() -> result<void> {
        if (*found == 0)
            if (const auto done = make_version_1(db); !done) return done;
        if (const auto done = db.run(added_by_version_2); !done) return done;
        return take_over_history(db);
    });
}

} // namespace chronoknock::io

#include "io/store/store.hpp"

#include "base/text.hpp"
#include "io/store/pending_burn.hpp"
#include "io/system/files.hpp"

#include <algorithm>

namespace chronoknock::io {

namespace {

constexpr int open_patience_ms = 20; // the server tries again; meanwhile the loop must see to the guard

// Burnt knocks, an empty `who` for those of keys that ignore the address; times in nanoseconds. `floor` has
// at most one row: what it says holds for one boot of the machine, or, after a clean stop, for any. `mark`
// has a row for each mark: what it was at the last commit that it was renewed for.
constexpr const char* any_boot = "any";
constexpr const char* schema = R"(
create table if not exists burnt (
    key text, service text, who text, t0 integer, accepted integer not null,
    primary key (key, service, who, t0)) without rowid;
create table if not exists floor (boot text, t integer not null);
create table if not exists mark (one integer primary key, count integer not null, changed integer not null);
)";

// Knocks that wait to be burnt; with more the record lacks some until a floor is set.
constexpr std::size_t most_unburnt = 4096;

std::string boot_id() {
    const auto id = read_file("/proc/sys/kernel/random/boot_id");
    return id ? std::string(trim(id->substr(0, id->find('\n')))) : std::string();
}

std::int64_t count(unix_time t) { return t.time_since_epoch().count(); }
unix_time time_of(std::int64_t n) { return unix_time{nanoseconds(n)}; }

/// Runs one statement for each knock, with its four key columns bound, and what `more` binds.
template <class More>
result<void> for_each(database& db, const char* sql, std::span<const granting::burnt> knocks, More more) {
    statement s(db, sql);
    for (const auto& k : knocks) {
        const auto who = k.who ? k.who->to_string() : std::string();
        more(s.bind(k.key).bind(k.service).bind(who).bind(k.t0), k);
        if (const auto done = s.step(); !done) return done.error();
        s.reset();
    }
    return {};
}

} // namespace

result<store> store::open(const std::string& path) {
    auto db = database::open(path, schema, open_patience_ms);
    if (!db) return db.error();
    auto one = store_mark::open(path + "-mark");
    if (!one) return one.error();
    auto other = store_mark::open(path + "-mark2");
    if (!other) return other.error();
    store opened(std::move(*db), std::move(*one), std::move(*other));
    const auto whole = opened.is_whole();
    if (!whole) return whole.error();
    opened.lacks_some_ = !*whole;
    std::optional<unix_time> floor;
    {
        statement s(opened.db_, "select t from floor where boot in (?, ?)");
        const auto boot = boot_id();
        const auto row = s.bind(boot).bind(any_boot).step();
        if (!row) return row.error();
        if (*row && !boot.empty() && *whole) floor = time_of(s.integer(0));
    }
    // On disk before anything is burnt: else a power failure could lose that, and find the mark of a clean
    // stop.
    if (floor)
        if (const auto set = opened.set_floor(*floor); !set) return set.error();
    return opened;
}

result<void> store::write_floor(const std::string& boot, unix_time t) {
    if (const auto renewed = renew_mark(); !renewed) return renewed;
    if (const auto careful = db_.run("pragma synchronous = full"); !careful) return careful;
    const auto done = db_.transaction([&]() -> result<void> {
        if (const auto gone = db_.run("delete from floor"); !gone) return gone.error();
        statement s(db_, "insert into floor values (?, ?)");
        if (const auto put = s.bind(boot).bind(count(t)).step(); !put) return put.error();
        // Both: if the database lacked some, it knows neither.
        if (const auto noted = note_mark(last_); !noted) return noted;
        return note_mark(next());
    });
    if (done) last_ = next();
    if (const auto quick = db_.run("pragma synchronous = normal"); done && !quick) return quick;
    return done;
}

result<void> store::set_floor(unix_time t) {
    auto done = write_floor(boot_id(), t);
    if (done) {
        floor_ = t;
        lacks_some_ = false;
    }
    return done;
}

result<void> store::close_cleanly() {
    if (has_unburnt())
        if (auto done = burn({}); !done) return done;
    if (!floor_ || lacks_some_) return {};
    if (auto done = write_floor(any_boot, *floor_); !done) return done;
    for (auto& mark : marks_)
        if (auto done = mark.sync(); !done) return done;
    return {};
}

/// Renews the mark that is next, with all that is to be burnt; with nothing that could be taken for it if
/// that is more than a mark holds, or some of it is not known any more.
result<void> store::renew_mark() {
    const auto count = std::max({std::int64_t{0}, marks_[0].now().count, marks_[1].now().count}) + 1;
    return marks_[next()].renew(count, lacks_some_ ? "" : encode(marks_[last_].now(), unburnt_));
}

result<void> store::note_mark(std::size_t mark) {
    statement put(db_, "insert or replace into mark values (?, ?, ?)");
    const auto [count, changed] = marks_[mark].now();
    if (const auto done = put.bind(static_cast<std::int64_t>(mark)).bind(count).bind(changed).step(); !done)
        return done.error();
    return {};
}

/// True if the marks are as they were noted, or the only commit that they know more of could be made good.
result<bool> store::is_whole() {
    std::array<store_mark::state, 2> noted;
    {
        statement s(db_, "select one, count, changed from mark where one in (0, 1)");
        for (;;) {
            const auto row = s.step();
            if (!row) return row.error();
            if (!*row) break;
            noted[static_cast<std::size_t>(s.integer(0))] = {s.integer(1), s.integer(2)};
        }
    }
    last_ = noted[1].count > noted[0].count ? 1 : 0;
    if (noted[last_].count == 0 || marks_[last_].now() != noted[last_]) return false;
    if (marks_[next()].now() == noted[next()]) return true;
    const auto pending = decode_pending_burn(marks_[next()].held());
    if (!pending || pending->after != noted[last_]) return false;
    const auto done = db_.transaction([&]() -> result<void> {
        if (auto put = put_burnt(pending->knocks); !put) return put;
        return note_mark(next());
    });
    if (!done) return done.error();
    last_ = next();
    return true;
}

result<std::vector<granting::burnt>> store::load() {
    std::vector<granting::burnt> all;
    statement s(db_, "select key, service, who, t0, accepted from burnt");
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return all;
        granting::burnt b{s.text(0), s.text(1), std::nullopt, s.integer(3), time_of(s.integer(4))};
        if (const auto who = address::parse(s.text(2))) b.who = *who;
        all.push_back(std::move(b));
    }
}

result<void> store::burn(std::span<const granting::burnt> knocks) {
    unburnt_.insert(unburnt_.end(), knocks.begin(), knocks.end());
    if (const auto renewed = renew_mark(); !renewed) return keep_unburnt(renewed.error());
    const auto done = db_.transaction([&]() -> result<void> {
        if (auto put = put_burnt(unburnt_); !put) return put;
        return lacks_some_ ? result<void>() : note_mark(next());
    });
    if (!done) return keep_unburnt(done.error());
    if (!lacks_some_) last_ = next();
    unburnt_.clear();
    return {};
}

result<void> store::put_burnt(std::span<const granting::burnt> knocks) {
    return for_each(db_, "insert or replace into burnt values (?, ?, ?, ?, ?)", knocks,
                    [](statement& s, const granting::burnt& k) { s.bind(count(k.accepted)); });
}

error store::keep_unburnt(error why) {
    if (unburnt_.size() > most_unburnt) {
        unburnt_.clear();
        lacks_some_ = true;
    }
    return why;
}

result<void> store::forget(std::span<const granting::burnt> knocks) {
    return db_.transaction([&] {
        return for_each(db_, "delete from burnt where key = ? and service = ? and who = ? and t0 = ?", knocks,
                        [](statement&, const granting::burnt&) {});
    });
}

} // namespace chronoknock::io

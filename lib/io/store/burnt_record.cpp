#include "io/store/burnt_record.hpp"

#include "base/text.hpp"
#include "io/store/opened_table.hpp"
#include "io/store/pending_burn.hpp"
#include "io/store/schema.hpp"
#include "io/system/files.hpp"

#include <algorithm>

namespace chronoknock::io {

namespace {

constexpr milliseconds open_patience{20}; // the server tries again; meanwhile the loop must see to the guard
constexpr milliseconds burn_patience{0};
constexpr milliseconds close_patience{2000};

constexpr const char* any_boot = "any"; // in place of a boot's name, after a clean stop

// Tokens that wait to be burnt; with more the record lacks some until a floor is set.
constexpr std::size_t most_unburnt = 4096;

std::string boot_id() {
    const auto id = read_file("/proc/sys/kernel/random/boot_id");
    return id ? std::string(trim(id->substr(0, id->find('\n')))) : std::string();
}

std::int64_t count(unix_time t) { return t.time_since_epoch().count(); }
unix_time time_of(std::int64_t n) { return unix_time{nanoseconds(n)}; }

/// Runs one statement for each token, with its three key columns bound, and what `more` binds.
template <class More>
result<void> for_each(database& db, const char* sql, std::span<const granting::burnt> tokens, More more) {
    statement s(db, sql);
    for (const auto& t : tokens) {
        more(s.bind(t.key).bind(t.place).bind_blob(t.identity), t);
        if (const auto done = s.step(); !done) return done.error();
        s.reset();
    }
    return {};
}

} // namespace

result<burnt_record> burnt_record::open(const std::string& path) {
    auto db = database::connect(path, open_patience);
    if (!db) return db.error();
    if (const auto done = bring_up_to_date(*db); !done) return done.error();
    auto one = store_mark::open(path + "-mark");
    if (!one) return one.error();
    auto other = store_mark::open(path + "-mark2");
    if (!other) return other.error();
    burnt_record opened(std::move(*db), std::move(*one), std::move(*other));
    const auto whole = opened.is_whole();
    if (!whole) return whole.error();
    opened.lacks_some_ = !*whole;
    if (const auto known = opened.find_lacking(*whole); !known) return known.error();
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
    opened.db_.set_patience(burn_patience);
    return opened;
}

/// Marks that were renewed know that there was a record; a new one has new marks.
result<void> burnt_record::find_lacking(bool whole) {
    if (const auto made = db_.run("create table if not exists lacking (t integer not null)"); !made)
        return made;
    statement s(db_, "select t from lacking");
    const auto row = s.step();
    if (!row) return row.error();
    if (*row) lacking_ = time_of(s.integer(0));
    const bool was_used = marks_[0].now().count != 0 || marks_[1].now().count != 0;
    if (!whole && was_used) lacking_ = unix_time::max();
    return {};
}

result<void> burnt_record::write_floor(const std::string& boot, unix_time t) {
    if (const auto renewed = renew_mark(); !renewed) return renewed;
    if (const auto careful = db_.run("pragma synchronous = full"); !careful) return careful;
    const auto done = db_.transaction([&]() -> result<void> {
        if (const auto gone = db_.run("delete from floor"); !gone) return gone.error();
        statement s(db_, "insert into floor values (?, ?)");
        if (const auto put = s.bind(boot).bind(count(t)).step(); !put) return put.error();
        // A floor of earlier than the last one shows that the clock was ahead when that was set, and so when
        // the loss was found.
        if (lacking_ && *lacking_ > t) {
            if (const auto gone = db_.run("delete from lacking"); !gone) return gone;
            statement found(db_, "insert into lacking values (?)");
            if (const auto put = found.bind(count(t)).step(); !put) return put.error();
        }
        // Both: if the database lacked some, it knows neither.
        if (const auto noted = note_mark(last_); !noted) return noted;
        return note_mark(next());
    });
    if (done) {
        last_ = next();
        mark_holds_unburnt_ = mark_is_enough_ = false;
    }
    if (const auto quick = db_.run("pragma synchronous = normal"); done && !quick) return quick;
    return done;
}

result<void> burnt_record::set_floor(unix_time t) {
    if (has_unburnt()) // else the mark would be noted, and not be looked into any more
        if (auto done = burn({}); !done) return done;
    auto done = write_floor(boot_id(), t);
    if (done) {
        floor_ = t;
        lacks_some_ = false;
        if (lacking_ && *lacking_ > t) lacking_ = t;
    }
    return done;
}

result<void> burnt_record::close_cleanly() {
    db_.set_patience(close_patience);
    if (has_unburnt())
        if (auto done = burn({}); !done) return done;
    if (lacks_some_) return {};
    if (floor_)
        if (auto done = write_floor(any_boot, *floor_); !done) return done;
    for (auto& mark : marks_)
        if (auto done = mark.sync(); !done) return done;
    return {};
}

/// Renews the mark that is next, with all that is to be burnt and opened, or what is to be burnt alone if
/// both are more than a mark holds; with nothing that could be taken for it if that is, or some of it is not
/// known any more.
result<void> burnt_record::renew_mark() {
    mark_holds_unburnt_ = mark_is_enough_ = false;
    const auto count = std::max({std::int64_t{0}, marks_[0].now().count, marks_[1].now().count}) + 1;
    std::string held;
    if (!lacks_some_) held = encode(marks_[last_].now(), unburnt_, unopened_);
    const bool all = !held.empty();
    if (!lacks_some_ && !all) held = encode(marks_[last_].now(), unburnt_, {});
    const auto renewed = marks_[next()].renew(count, held);
    mark_holds_unburnt_ = bool(renewed);
    mark_is_enough_ = renewed && all;
    return renewed;
}

result<void> burnt_record::note_mark(std::size_t mark) {
    statement put(db_, "insert or replace into mark values (?, ?, ?)");
    const auto [count, changed] = marks_[mark].now();
    if (const auto done = put.bind(static_cast<std::int64_t>(mark)).bind(count).bind(changed).step(); !done)
        return done.error();
    return {};
}

/// True if nothing was ever burnt in it, no floor set, and neither mark renewed: no record was lost here.
/// Then its marks are noted, so that it is known to be whole also as long as it has no floor.
result<bool> burnt_record::begins_now() {
    if (marks_[0].now().count != 0 || marks_[1].now().count != 0) return false;
    {
        statement s(db_, "select exists (select 1 from burnt) or exists (select 1 from floor)");
        const auto row = s.step();
        if (!row) return row.error();
        if (s.integer(0) != 0) return false;
    }
    const auto done = db_.transaction([&]() -> result<void> {
        if (const auto noted = note_mark(0); !noted) return noted;
        return note_mark(1);
    });
    if (!done) return done.error();
    return true;
}

/// True if the marks are as they were noted, or the only commit that they know more of could be made good.
result<bool> burnt_record::is_whole() {
    std::array<store_mark::state, 2> noted;
    bool knows_marks = false;
    {
        statement s(db_, "select one, count, changed from mark where one in (0, 1)");
        for (;;) {
            const auto row = s.step();
            if (!row) return row.error();
            if (!*row) break;
            noted[static_cast<std::size_t>(s.integer(0))] = {s.integer(1), s.integer(2)};
            knows_marks = true;
        }
    }
    if (!knows_marks) return begins_now();
    last_ = noted[1].count > noted[0].count ? 1 : 0;
    if (marks_[last_].now() != noted[last_]) return false;
    if (marks_[next()].now() == noted[next()]) return true;
    const auto pending = decode_pending_burn(marks_[next()].held());
    if (!pending || pending->after != noted[last_]) return false;
    const auto done = db_.transaction([&]() -> result<void> {
        if (auto put = put_burnt(pending->tokens); !put) return put;
        if (auto put = put_opened(db_, pending->grants); !put) return put;
        return note_mark(next());
    });
    if (!done) return done.error();
    last_ = next();
    return true;
}

result<std::vector<granting::burnt>> burnt_record::load() {
    std::vector<granting::burnt> all;
    statement s(db_, "select key, place, identity, who, accepted from burnt");
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return all;
        granting::burnt b{s.text(0), s.integer(1), s.blob(2), std::nullopt, time_of(s.integer(4))};
        if (const auto who = address::parse(s.text(3))) b.who = *who;
        all.push_back(std::move(b));
    }
}

result<void> burnt_record::burn(std::span<const granting::burnt> tokens,
                                std::span<const granting::opened_grant> grants) {
    unburnt_.insert(unburnt_.end(), tokens.begin(), tokens.end());
    unopened_.insert(unopened_.end(), grants.begin(), grants.end());
    if (!mark_holds_unburnt_ || !tokens.empty())
        if (const auto renewed = renew_mark(); !renewed) return keep_unburnt(renewed.error());
    return commit();
}

result<void> burnt_record::note(std::vector<granting::burnt> tokens,
                                std::vector<granting::opened_grant> grants) {
    if (tokens.empty() || has_unburnt() || lacks_some_) return burn(tokens, grants);
    unburnt_ = std::move(tokens);
    unopened_ = std::move(grants);
    if (const auto renewed = renew_mark(); !renewed) return keep_unburnt(renewed.error());
    return mark_is_enough_ ? result<void>() : commit();
}

result<void> burnt_record::commit() {
    const auto done = db_.transaction([&]() -> result<void> {
        if (auto put = put_burnt(unburnt_); !put) return put;
        if (auto put = put_opened(db_, unopened_); !put) return put;
        return lacks_some_ ? result<void>() : note_mark(next());
    });
    if (!done) return keep_unburnt(done.error());
    if (!lacks_some_) last_ = next();
    unburnt_.clear();
    unopened_.clear();
    mark_holds_unburnt_ = mark_is_enough_ = false;
    return {};
}

result<void> burnt_record::put_burnt(std::span<const granting::burnt> tokens) {
    std::string who;
    return for_each(db_, "insert or replace into burnt values (?, ?, ?, ?, ?)", tokens,
                    [&who](statement& s, const granting::burnt& t) {
                        who = t.who ? t.who->to_string() : "";
                        s.bind(who).bind(count(t.accepted));
                    });
}

error burnt_record::keep_unburnt(error why) {
    if (unburnt_.size() > most_unburnt) {
        unburnt_.clear();
        unopened_.clear();
        mark_holds_unburnt_ = mark_is_enough_ = false;
        lacks_some_ = true;
    }
    return why;
}

result<void> burnt_record::forget(std::span<const granting::burnt> tokens) {
    return db_.transaction([&] {
        return for_each(db_, "delete from burnt where key = ? and place = ? and identity = ?", tokens,
                        [](statement&, const granting::burnt&) {});
    });
}

} // namespace chronoknock::io

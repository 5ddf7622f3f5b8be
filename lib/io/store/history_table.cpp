#include "io/store/history_table.hpp"

namespace chronoknock::io {

namespace {

using kind = granting::history_entry::kind;

result<void> put(statement& s, const granting::history_entry& e) {
    const auto who = e.who ? e.who->to_string() : std::string();
    s.bind(e.when.time_since_epoch().count()).bind(static_cast<std::int64_t>(e.what)).bind(e.key).bind(who);
    if (const auto done = s.bind(e.services).bind(e.why).step(); !done) return done.error();
    s.reset();
    return {};
}

} // namespace

result<void> add_to_history(database& db, std::span<const granting::history_entry> entries) {
    return db.transaction([&]() -> result<void> {
        statement insert(db,
                         "insert into history (at, kind, key, who, services, why) values (?, ?, ?, ?, ?, ?)");
        for (const auto& e : entries)
            if (auto done = put(insert, e); !done) return done;
        statement drop_refused(db, "delete from history where kind = ? and id <= (select id from history "
                                   "where kind = ? order by id desc limit 1 offset ?)");
        const auto refused = static_cast<std::int64_t>(kind::refused);
        drop_refused.bind(refused).bind(refused).bind(std::int64_t{granting::most_history_refused});
        if (const auto done = drop_refused.step(); !done) return done.error();
        statement drop(db, "delete from history where id <= (select id from history "
                           "order by id desc limit 1 offset ?)");
        if (const auto done = drop.bind(std::int64_t{granting::most_history}).step(); !done)
            return done.error();
        return {};
    });
}

result<std::vector<granting::numbered_entry>> find_in_history(database& db,
                                                              const granting::history_query& q) {
    std::vector<granting::numbered_entry> found;
    statement s(db, "select at, kind, key, who, services, why, id from history "
                    "where id > ? and at >= ? and (? = '' or key = ?) order by id desc limit ?");
    s.bind(q.after).bind(q.since.time_since_epoch().count()).bind(q.key).bind(q.key);
    s.bind(static_cast<std::int64_t>(q.most));
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return found;
        granting::history_entry e{unix_time{nanoseconds(s.integer(0))},
                                  static_cast<kind>(s.integer(1)),
                                  s.text(2),
                                  std::nullopt,
                                  s.text(4),
                                  s.text(5)};
        if (const auto who = prefix::parse(s.text(3))) e.who = *who;
        found.push_back({s.integer(6), std::move(e)});
    }
}

} // namespace chronoknock::io

#include "io/store/opened_table.hpp"

#include "base/text.hpp"
#include "grant/history.hpp"
#include "io/store/history_table.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace chronoknock::io {

namespace {

using granting::history_entry;
using granting::opened_grant;

// `until` is null once a grant has ended; `who` is empty in a row that stands for all that a key opened of a
// service for addresses that are forgotten.
constexpr const char* columns =
    "select key, fingerprint, who, service, at, until, until is null from opened ";

/// Each row of a statement that begins with `columns`, but those of forgotten addresses.
result<void> for_each(statement& s, const std::function<void(opened_grant)>& take) {
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return {};
        const auto who = prefix::parse(s.text(2));
        if (!who) continue;
        const auto until = s.integer(6) != 0 ? unix_time::min() : unix_time{nanoseconds(s.integer(5))};
        take({s.text(0), s.text(1), *who, s.text(3), unix_time{nanoseconds(s.integer(4))}, until});
    }
}

result<std::vector<opened_grant>> all_of(database& db, const std::string& condition) {
    std::vector<opened_grant> found;
    statement s(db, (columns + condition).c_str());
    if (const auto done = for_each(s, [&](opened_grant g) { found.push_back(std::move(g)); }); !done)
        return done.error();
    return found;
}

/// Leaves behind that there was something.
result<void> forget(database& db, const std::string& key, const std::string& who) {
    statement stay(db, "insert or replace into opened (key, who, service, fingerprint, at, until) "
                       "select key, '', service, '', at, null from opened where key = ? and who = ?");
    if (const auto done = stay.bind(key).bind(who).step(); !done) return done.error();
    statement go(db, "delete from opened where key = ? and who = ?");
    if (const auto done = go.bind(key).bind(who).step(); !done) return done.error();
    return {};
}

result<void> trim(database& db, const std::string& key) {
    std::vector<std::string> gone;
    {
        statement s(db, "select who, max(at) as newest, max(until is not null) from opened "
                        "where key = ? and who <> '' group by who order by newest desc limit -1 offset ?");
        s.bind(key).bind(std::int64_t{granting::least_opened_for});
        for (auto rank = granting::least_opened_for;; ++rank) {
            const auto row = s.step();
            if (!row) return row.error();
            if (!*row) break;
            if (s.integer(2) == 0 || rank >= granting::most_opened_for) gone.push_back(s.text(0));
        }
    }
    for (const auto& who : gone)
        if (const auto done = forget(db, key, who); !done) return done;
    return {};
}

} // namespace

result<void> put_opened(database& db, std::span<const opened_grant> grants) {
    if (grants.empty()) return {};
    statement s(db, "insert or replace into opened (key, who, service, fingerprint, at, until) "
                    "values (?, ?, ?, ?, ?, ?)");
    for (const auto& g : grants) {
        const auto who = g.who.to_string();
        s.bind(g.key).bind(who).bind(g.service).bind(g.fingerprint);
        s.bind(g.at.time_since_epoch().count()).bind(g.until.time_since_epoch().count());
        if (const auto done = s.step(); !done) return done.error();
        s.reset();
    }
    return {};
}

result<void> end_opened(database& db, const ended_grants& grants) {
    return db.transaction([&]() -> result<void> {
        const auto is_anybodys = [](const auto& one) { return std::get<0>(one.first).empty(); };
        const bool by_address = std::ranges::any_of(grants, is_anybodys);
        if (by_address)
            if (const auto made = db.run("create index if not exists opened_for on opened (who, service)");
                !made)
                return made;
        const std::string rest = "who = ? and service = ? and at <= ? and (until <= ? or until = ?)";
        statement of_key(db, ("update opened set until = null where key = ? and " + rest).c_str());
        statement of_any(db, ("update opened set until = null where ? = '' and " + rest).c_str());
        for (const auto& [id, by] : grants) {
            auto& s = std::get<0>(id).empty() ? of_any : of_key;
            const auto& [key, whom, service] = id;
            const auto who = whom.to_string();
            s.bind(key).bind(who).bind(service);
            s.bind(by.at.time_since_epoch().count()).bind(by.until.time_since_epoch().count());
            s.bind(unix_time::max().time_since_epoch().count());
            if (const auto done = s.step(); !done) return done.error();
            s.reset();
        }
        return {};
    });
}

result<std::string> exchange_backend(database& db, const std::string& name) {
    std::string before;
    const auto done = db.transaction([&]() -> result<void> {
        // Another version has none, and does without.
        if (const auto made = db.run("create table if not exists opened_by (backend text not null)"); !made)
            return made;
        {
            statement s(db, "select backend from opened_by");
            const auto row = s.step();
            if (!row) return row.error();
            if (*row) before = s.text(0);
        }
        if (before == name) return {};
        if (const auto gone = db.run("delete from opened_by"); !gone) return gone;
        statement s(db, "insert into opened_by values (?)");
        const auto put = s.bind(name).step();
        return put ? result<void>() : put.error();
    });
    if (!done) return done.error();
    return {boost::system::in_place_value, std::move(before)};
}

result<void> trim_opened(database& db, const std::set<std::string>& keys) {
    return db.transaction([&]() -> result<void> {
        for (const auto& key : keys)
            if (const auto done = trim(db, key); !done) return done;
        return {};
    });
}

result<std::vector<opened_grant>> open_grants(database& db) {
    return all_of(db, "where until is not null order by at");
}

result<std::vector<opened_grant>> newest_opened(database& db) {
    // Of a group with max() SQLite gives the other columns of the row that has it.
    std::vector<opened_grant> found;
    statement s(db, "select key, fingerprint, who, service, max(at), until, until is null from opened "
                    "where who <> '' group by key");
    if (const auto done = for_each(s, [&](opened_grant g) { found.push_back(std::move(g)); }); !done)
        return done.error();
    return found;
}

result<opened_by_key> opened_of(database& db, const std::string& key) {
    opened_by_key found;
    {
        statement s(db, (std::string(columns) + "where key = ? and who <> ''").c_str());
        s.bind(key);
        if (const auto done = for_each(s, [&](opened_grant g) { found.grants.push_back(std::move(g)); });
            !done)
            return done.error();
    }
    statement s(db, "select service from opened where key = ? and who = ''");
    s.bind(key);
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return found;
        found.forgotten.insert(s.text(0));
    }
}

result<std::set<std::pair<prefix, std::string>>> opened_by(database& db, const std::set<std::string>& keys) {
    std::set<std::pair<prefix, std::string>> found;
    statement s(db, (std::string(columns) + "where who <> ''").c_str());
    const auto take = [&](const opened_grant& g) {
        if (keys.contains(g.key)) found.emplace(g.who, g.service);
    };
    if (const auto done = for_each(s, take); !done) return done.error();
    return found;
}

result<void> take_over_history(database& db) {
    granting::history_query all;
    all.most = granting::most_history + granting::most_history_refused;
    const auto history = find_in_history(db, all);
    if (!history) return history.error();
    std::map<opened_id, opened_grant> known;
    for (auto one = history->rbegin(); one != history->rend(); ++one) { // the oldest first
        const auto& e = one->entry;
        const bool granted = e.what == history_entry::kind::granted;
        const bool ended = e.what == history_entry::kind::revoked || e.what == history_entry::kind::expired;
        if (!e.who || e.key.empty() || (!granted && !ended)) continue;
        const auto services = split_list(e.services), durations = split_list(e.why);
        for (std::size_t i = 0; i < services.size(); ++i) {
            const std::string service(services[i]);
            const opened_id id(e.key, *e.who, service);
            if (ended) {
                if (const auto found = known.find(id); found != known.end())
                    found->second.until = unix_time::min();
                continue;
            }
            const auto lasts = i < durations.size() ? parse_duration(durations[i], nanoseconds(0),
                                                                     std::chrono::hours(24 * 365))
                                                    : result<nanoseconds>(nanoseconds(0));
            known.insert_or_assign(id, opened_grant{e.key, "", *e.who, service, e.when,
                                                    e.when + (lasts ? *lasts : nanoseconds(0))});
        }
    }
    std::vector<opened_grant> grants;
    for (const auto& [id, g] : known) grants.push_back(g);
    if (const auto put = put_opened(db, grants); !put) return put;
    statement s(db, "update opened set until = null where until = ?");
    if (const auto done = s.bind(unix_time::min().time_since_epoch().count()).step(); !done)
        return done.error();
    return {};
}

} // namespace chronoknock::io

#include "io/window_memory.hpp"

#include "key/fingerprint.hpp"

#include <cstdlib>
#include <filesystem>
#include <sqlite3.h>
#include <sys/stat.h>

namespace chronoknock::io {

namespace {

constexpr int patience_ms = 2000; // with another knock that holds the database
// Longer than any window lives: two of the longest granularity.
constexpr std::int64_t forget_after = 2 * 86400;

using statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

error why(sqlite3* db) { return {std::string("memory of used windows: ") + sqlite3_errmsg(db)}; }

/// A statement with what stands in it, in order; null if the database refuses it.
statement prepare(sqlite3* db, const char* sql, const window_owner& owner) {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
    statement s(raw, sqlite3_finalize);
    int at = 0;
    for (const auto* text : {&owner.target, &owner.key, &owner.service, &owner.source})
        sqlite3_bind_text(raw, ++at, text->c_str(), -1, SQLITE_STATIC);
    return s;
}

bool run(sqlite3* db, const char* sql) {
    return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

/// Makes the folders of a file, each for the user alone.
void make_folders(const std::filesystem::path& folder) {
    if (folder.empty() || ::mkdir(folder.c_str(), 0700) == 0 || errno != ENOENT) return;
    make_folders(folder.parent_path());
    ::mkdir(folder.c_str(), 0700);
}

} // namespace

window_owner owner_of(const key::psk& k, const address& target, const std::string& service,
                      const address& source) {
    return {target.to_string(), key::fingerprint(k), service, k.ignore_ip ? "" : source.to_string()};
}

window_memory::window_memory(sqlite3* db) : db_(db, sqlite3_close) {}

result<window_memory> window_memory::open(const std::string& path) {
    make_folders(std::filesystem::path(path).parent_path());
    sqlite3* db = nullptr;
    const int opened = sqlite3_open(path.c_str(), &db);
    window_memory memory(db);
    if (opened != SQLITE_OK) return error{path + ": " + sqlite3_errmsg(db)};
    sqlite3_busy_timeout(db, patience_ms);
    if (!run(db, "create table if not exists used (target text, key text, service text, source text, "
                 "t0 integer not null, primary key (target, key, service, source)) without rowid"))
        return error{path + ": " + sqlite3_errmsg(db)};
    return memory;
}

result<client::turn>
window_memory::claim(const window_owner& owner,
                     const std::function<client::turn(std::optional<std::int64_t>)>& choose) {
    auto* db = db_.get();
    if (!run(db, "begin immediate")) return why(db);
    const auto give_up = [db]() -> error {
        const auto failure = why(db);
        run(db, "rollback");
        return failure;
    };

    std::optional<std::int64_t> last;
    const auto find =
        prepare(db, "select t0 from used where target = ? and key = ? and service = ? and source = ?", owner);
    const int found = sqlite3_step(find.get());
    if (found == SQLITE_ROW)
        last = sqlite3_column_int64(find.get(), 0);
    else if (found != SQLITE_DONE)
        return give_up();
    sqlite3_reset(find.get());

    const auto turn = choose(last);
    if (turn.wait == nanoseconds(0)) {
        const auto note = prepare(db, "insert or replace into used values (?, ?, ?, ?, ?)", owner);
        sqlite3_bind_int64(note.get(), 5, turn.t0);
        if (sqlite3_step(note.get()) != SQLITE_DONE) return give_up();
        const auto forget = "delete from used where t0 < " + std::to_string(turn.t0 - forget_after);
        if (!run(db, forget.c_str())) return give_up();
    }
    if (!run(db, "commit")) return give_up();
    return turn;
}

result<std::string> window_memory_path() {
    static constexpr const char* rest = "/chronoknock/client.db";
    // A relative $XDG_STATE_HOME is to be ignored (XDG Base Directory Specification).
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && state[0] == '/')
        return {boost::system::in_place_value, std::string(state) + rest};
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
        return {boost::system::in_place_value, std::string(home) + "/.local/state" + rest};
    return error{"memory of used windows: no home folder"};
}

} // namespace chronoknock::io

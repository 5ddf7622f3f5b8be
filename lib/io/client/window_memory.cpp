#include "io/client/window_memory.hpp"

#include <cstdlib>

namespace chronoknock::io {

namespace {

// Longer than any window lives: two of the longest granularity.
constexpr std::int64_t forget_after = 2 * 86400;

constexpr const char* schema =
    "create table if not exists used (target text, key text, service text, source text, "
    "t0 integer not null, primary key (target, key, service, source)) without rowid";

statement& bind(statement& s, const window_owner& o) {
    return s.bind(o.target).bind(o.key).bind(o.service).bind(o.source);
}

} // namespace

window_owner owner_of(const key::credential& k, const address& target, const std::string& service,
                      const address& source) {
    // Numbers are used up whichever address of the server they were sent to, and so are windows of keys that
    // ignore the client's: its IPv4 and IPv6 addresses are one server.
    return {k.numbered() || !k.heeds_address() ? "" : target.to_string(), k.fingerprint(), service,
            k.heeds_address() ? source.to_string() : ""};
}

result<window_memory> window_memory::open(const std::string& path) {
    auto db = database::open(path, schema);
    if (!db) return db.error();
    return window_memory(std::move(*db));
}

result<client::turn> window_memory::claim(const window_owner& owner, const chooser& choose) {
    return db_.transaction([&]() -> result<client::turn> {
        std::optional<std::int64_t> last;
        {
            statement find(db_,
                           "select t0 from used where target = ? and key = ? and service = ? and source = ?");
            const auto row = bind(find, owner).step();
            if (!row) return row.error();
            if (*row) last = find.integer(0);
        }
        const auto turn = choose(last);
        if (!turn || turn->wait != nanoseconds(0)) return turn;
        statement note(db_, "insert or replace into used values (?, ?, ?, ?, ?)");
        if (const auto noted = bind(note, owner).bind(turn->t0).step(); !noted) return noted.error();
        statement forget(db_, "delete from used where key = ? and t0 < ?");
        if (const auto done = forget.bind(owner.key).bind(turn->t0 - forget_after).step(); !done)
            return done.error();
        return turn;
    });
}

result<void> window_memory::release(const window_owner& owner, std::int64_t claimed,
                                    std::optional<std::int64_t> before) {
    // One statement is one transaction.
    statement put_back(
        db_, before
                 ? "update used set t0 = ? "
                   "where target = ? and key = ? and service = ? and source = ? and t0 = ?"
                 : "delete from used where target = ? and key = ? and service = ? and source = ? and t0 = ?");
    if (before) put_back.bind(*before);
    if (const auto done = bind(put_back, owner).bind(claimed).step(); !done) return done.error();
    return {};
}

result<std::string> window_memory_path() {
    static constexpr const char* rest = "/chronoknock/client.db";
    // A relative $XDG_STATE_HOME is to be ignored (XDG Base Directory Specification).
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && state[0] == '/')
        return {boost::system::in_place_value, std::string(state) + rest};
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
        return {boost::system::in_place_value, std::string(home) + "/.local/state" + rest};
    return error{"no home folder for the memory of used windows"};
}

} // namespace chronoknock::io

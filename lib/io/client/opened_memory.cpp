#include "io/client/opened_memory.hpp"

namespace chronoknock::io {

namespace {

constexpr const char* schema =
    "create table if not exists opened (host text, key text, service text, at integer not null, "
    "primary key (host, key, service)) without rowid";
/// Openings remembered; the oldest are forgotten first.
constexpr const char* forget_old =
    "delete from opened where at < (select at from opened order by at desc limit 1 offset 1000)";

} // namespace

result<opened_memory> opened_memory::open(const std::string& path) {
    auto db = database::open(path, schema);
    if (!db) return db.error();
    return opened_memory(std::move(*db));
}

opened_memory::before opened_memory::find(const std::string& host, const std::string& key,
                                          const std::string& service) {
    before b;
    statement all(db_, "select service from opened where host = ? and key = ?");
    all.bind(host).bind(key);
    for (auto row = all.step(); row && *row; row = all.step()) {
        b.key = true;
        b.service = b.service || all.text(0) == service;
    }
    return b;
}

result<void> opened_memory::note(const std::string& host, const std::string& key, const std::string& service,
                                 std::int64_t at) {
    return db_.transaction([&]() -> result<void> {
        statement put(db_, "insert or replace into opened values (?, ?, ?, ?)");
        if (const auto done = put.bind(host).bind(key).bind(service).bind(at).step(); !done)
            return done.error();
        return db_.run(forget_old);
    });
}

} // namespace chronoknock::io

#include "io/store/sqlite.hpp"

#include "io/system/files.hpp"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace chronoknock::io {

namespace {
constexpr milliseconds default_patience{2000};
}

result<database> database::connect(const std::string& path, milliseconds patience) {
    make_folders(std::filesystem::path(path).parent_path());
    // SQLite would make the file with the mode that the umask leaves; its companions take over the file's.
    if (const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) ::close(fd);

    database d(path);
    sqlite3* raw = nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
    d.db_.reset(raw);
    if (opened != SQLITE_OK) return d.failed();
    d.set_patience(patience);
    // Landlock leaves no folder for temporary files.
    if (const auto done = d.run("pragma temp_store = memory"); !done) return done.error();
    return d;
}

result<void> database::use_wal() {
    for (const char* sql : {"pragma journal_mode = wal", "pragma synchronous = normal"})
        if (auto ran = run(sql); !ran) return ran;
    return {};
}

result<database> database::open(const std::string& path, const char* schema) {
    auto d = connect(path, default_patience);
    if (!d) return d;
    if (const auto done = d->use_wal(); !done) return done.error();
    if (const auto done = d->run(schema); !done) return done.error();
    return d;
}

void database::set_patience(milliseconds patience) {
    sqlite3_busy_timeout(db_.get(), static_cast<int>(patience.count()));
}

result<void> database::run(const char* sql) {
    if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    return {};
}

error database::failed() {
    held_ = sqlite3_errcode(db_.get()) == SQLITE_BUSY;
    return {path_ + ": " + sqlite3_errmsg(db_.get())};
}

statement::statement(database& db, const char* sql) : db_(&db) {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(db.db_.get(), sql, -1, &raw, nullptr);
    handle_.reset(raw); // null if the database refuses it: step() then says why
}

statement& statement::bind(std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), ++bound_, value);
    return *this;
}

statement& statement::bind(std::string_view value) {
    sqlite3_bind_text(handle_.get(), ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
}

statement& statement::bind_blob(std::string_view value) {
    sqlite3_bind_blob(handle_.get(), ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
}

result<bool> statement::step() {
    switch (handle_ ? sqlite3_step(handle_.get()) : SQLITE_ERROR) {
    case SQLITE_ROW:
        return true;
    case SQLITE_DONE:
        return false;
    default:
        return db_->failed();
    }
}

void statement::reset() {
    sqlite3_reset(handle_.get());
    bound_ = 0;
}

std::string statement::text(int column) const {
    const auto* bytes = sqlite3_column_text(handle_.get(), column);
    return bytes == nullptr ? std::string() : reinterpret_cast<const char*>(bytes);
}

std::string statement::blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

} // namespace chronoknock::io

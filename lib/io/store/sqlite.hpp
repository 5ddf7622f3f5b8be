#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>

/// The little of SQLite that the shells need. An error is SQLite's words behind the file's name.
namespace chronoknock::io {

class database {
public:
    /// Opens a file, or makes it for its owner alone, and changes nothing in it. Another process that holds
    /// the database is waited for as long as `patience` says, by this and all that follows.
    static result<database> connect(const std::string& path, milliseconds patience);
    /// Goes over to WAL mode: a commit survives SIGKILL, and a power failure leaves the database sound, with
    /// the latest commits perhaps lost.
    result<void> use_wal();
    /// Both, and runs `schema`.
    static result<database> open(const std::string& path, const char* schema);

    void set_patience(milliseconds patience);

    /// Runs statements that have neither parameters nor results.
    result<void> run(const char* sql);
    /// Runs `work` in a transaction that no other process can write beside; rolled back if it fails or
    /// throws.
    template <class Work>
    auto transaction(Work work) -> decltype(work()) {
        if (auto begun = run("begin immediate"); !begun) return begun.error();
        try {
            auto done = work();
            if (done) {
                if (auto committed = run("commit"); committed)
                    return done;
                else
                    done = committed.error();
            }
            (void)run("rollback");
            return done;
        } catch (...) {
            (void)sqlite3_exec(db_.get(), "rollback", nullptr, nullptr, nullptr);
            throw;
        }
    }
    const std::string& path() const { return path_; }
    /// True if what failed last failed because another connection holds the database.
    bool is_held() const { return held_; }

private:
    error failed();

    friend class statement;
    struct close {
        void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    };
    explicit database(std::string path) : path_(std::move(path)) {}

    std::string path_;
    std::unique_ptr<sqlite3, close> db_;
    bool held_ = false;
};

/// A prepared statement. Parameters are bound in order; texts must live until the statement is reset.
class statement {
public:
    statement(database& db, const char* sql);

    statement& bind(std::int64_t value);
    statement& bind(std::string_view value);
    /// Bytes, zeros among them.
    statement& bind_blob(std::string_view value);
    /// True: there is a row. False: that was all.
    result<bool> step();
    /// Ready to be bound and run again.
    void reset();

    std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
    std::string text(int column) const;
    std::string blob(int column) const;

private:
    struct finalize {
        void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
    };
    database* db_;
    std::unique_ptr<sqlite3_stmt, finalize> handle_;
    int bound_ = 0;
};

} // namespace chronoknock::io

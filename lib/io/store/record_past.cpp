#include "io/store/record_past.hpp"

#include "io/store/history_table.hpp"
#include "io/store/series_table.hpp"

#include <filesystem>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr milliseconds patience{2000};

} // namespace

result<record_past> read_past(const std::string& state, unix_time since) {
    std::error_code unreadable;
    // connect() would make one.
    if (!std::filesystem::is_regular_file(state, unreadable))
        return error{
            state + ": " +
            (unreadable ? unreadable.message() : "expected the record of a server (a regular file)")};
    auto db = database::connect(state, patience);
    if (!db) return db.error();
    granting::history_query all;
    all.most = granting::most_history;
    auto found = find_in_history(*db, all);
    if (!found) return found.error();
    std::vector<granting::history_entry> history;
    for (auto& one : *found) history.push_back(std::move(one.entry));
    auto series = series_since(*db, since);
    if (!series) return series.error();
    return record_past{std::move(history), std::move(*series)};
}

} // namespace chronoknock::io

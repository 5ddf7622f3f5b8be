#include "io/store/record_summary.hpp"

#include "io/store/sqlite.hpp"

#include <filesystem>

namespace chronoknock::io {

namespace {

constexpr milliseconds patience{200};

} // namespace

std::map<std::string, std::int64_t> newest_places(const std::string& state) {
    std::map<std::string, std::int64_t> places;
    std::error_code unreadable;
    // connect() would make one.
    if (!std::filesystem::is_regular_file(state, unreadable)) return places;
    auto db = database::connect(state, patience);
    if (!db) return places;
    statement s(*db, "select key, max(place) from burnt group by key");
    for (;;) {
        const auto row = s.step();
        if (!row || !*row) return places;
        places.emplace(s.text(0), s.integer(1));
    }
}

} // namespace chronoknock::io

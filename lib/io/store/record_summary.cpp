#include "io/store/record_summary.hpp"

#include "base/reader.hpp"
#include "base/writer.hpp"
#include "io/store/sqlite.hpp"
#include "io/system/as_owner.hpp"

#include <filesystem>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr milliseconds patience{200};
constexpr std::size_t most_name = 256; // a fingerprint is shorter

result<std::string> read_places(const std::string& state) {
    auto db = database::connect(state, patience);
    if (!db) return db.error();
    statement s(*db, "select key, max(place) from burnt group by key");
    writer w;
    for (;;) {
        const auto row = s.step();
        if (!row) return row.error();
        if (!*row) return {boost::system::in_place_value, w.text()};
        const auto key = s.text(0).substr(0, most_name);
        w.u16(static_cast<std::uint16_t>(key.size()));
        w.bytes(key);
        w.u64(static_cast<std::uint64_t>(s.integer(1)));
    }
}

} // namespace

result<std::map<std::string, std::int64_t>> newest_places(const std::string& state) {
    std::map<std::string, std::int64_t> places;
    std::error_code unreadable;
    if (!std::filesystem::exists(state, unreadable) && !unreadable) return places; // connect() would make one
    const auto given = do_as_owner(state, [&] { return read_places(state); });
    if (!given) return given.error();
    reader r({reinterpret_cast<const std::uint8_t*>(given->data()), given->size()});
    while (r.left() > 0) {
        const auto key = r.bytes(r.u16());
        const auto place = static_cast<std::int64_t>(r.u64());
        if (r) places.emplace(std::string(key.begin(), key.end()), place);
    }
    return places;
}

} // namespace chronoknock::io

#include "folder.hpp"
#include "io/store/record_past.hpp"
#include "io/store/series_table.hpp"
#include "io/store/sqlite_store.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::io;
using namespace std::chrono_literals;

namespace {

const unix_time begin{1'800'000'000s};

report::period row(std::int64_t i) {
    const auto n = static_cast<std::uint64_t>(i);
    report::period p{begin + 5min * i, 5min, n, n + 1, n + 2, n + 3, {}};
    if (i % 2 == 0) p.clock = {-1ms * i, 2ms * i};
    return p;
}

} // namespace

BOOST_AUTO_TEST_CASE(rows_are_read_as_they_were_written_and_the_oldest_go) {
    folder f;
    auto db = database::connect(f / "state.db", 1s).value();
    BOOST_TEST(series_since(db, begin)->empty()); // there is no series yet
    std::vector<report::period> rows;
    for (std::int64_t i = 0; i < 10; ++i) rows.push_back(row(i));
    BOOST_REQUIRE(add_to_series(db, rows));
    BOOST_TEST((series_since(db, begin).value() == rows));
    BOOST_TEST((series_since(db, begin + 5min * 8).value() == std::vector{row(8), row(9)}));
    rows.clear();
    for (std::int64_t i = 10; i < 10'000; ++i) rows.push_back(row(i));
    BOOST_REQUIRE(add_to_series(db, rows));
    const auto kept = series_since(db, unix_time{}).value();
    BOOST_TEST(kept.size() == report::most_periods);
    BOOST_TEST((kept.back() == row(9'999)));
    BOOST_REQUIRE(add_to_series(db, std::vector{row(9'999)})); // a moment that came twice
    BOOST_TEST(series_since(db, unix_time{})->size() == report::most_periods);
}

BOOST_AUTO_TEST_CASE(the_store_keeps_rows_and_others_read_them) {
    folder f;
    const auto path = f / "state.db";
    BOOST_TEST(!read_past(path, begin));
    BOOST_TEST(!std::filesystem::exists(path)); // asking makes nothing
    boost::asio::io_context context;
    auto store = sqlite_store::open(context, path).value();
    BOOST_TEST(read_past(path, begin)->series.empty());
    store->keep(row(1));
    store->note({begin, granting::history_entry::kind::granted, "alice", {}, "ssh", "30s"});
    const auto patience = std::chrono::steady_clock::now() + 20s;
    while (read_past(path, begin)->history.empty() && std::chrono::steady_clock::now() < patience)
        context.run_for(100ms); // a second goes by before it is written
    const auto past = read_past(path, begin).value();
    BOOST_TEST((past.series == std::vector{row(1)}));
    BOOST_TEST_REQUIRE(past.history.size() == 1u);
    BOOST_TEST(past.history.at(0).key == "alice");
    store->keep(row(2));
    BOOST_REQUIRE(store->close_cleanly());
    BOOST_TEST((read_past(path, begin)->series == std::vector{row(1), row(2)}));
    store.reset();
    store = sqlite_store::open(context, path).value(); // nothing is amiss with the record
    BOOST_TEST(!store->lacking());
}

BOOST_AUTO_TEST_CASE(what_is_no_record_is_told) {
    folder f;
    BOOST_TEST(read_past(f.path(), begin).error().text.find("expected the record of a server") !=
               std::string::npos);
}

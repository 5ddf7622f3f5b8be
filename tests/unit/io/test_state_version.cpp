#include "base/writer.hpp"
#include "folder.hpp"
#include "io/store/burnt_record.hpp"
#include "io/store/history_table.hpp"
#include "io/store/opened_table.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

using namespace chronoknock;

namespace {

// What the state file was before it had a version (version 0), as that program made it.
constexpr const char* schema_0 = R"(
create table if not exists burnt (
    key text, service text, who text, t0 integer, accepted integer not null,
    primary key (key, service, who, t0)) without rowid;
create table if not exists floor (boot text, t integer not null);
create table if not exists mark (one integer primary key, count integer not null, changed integer not null);
)";

const unix_time floor_set{seconds(1'000'000)};
const std::string key = "0123456789abcdef0123456789abcdef";

struct window {
    std::string service, who;
    std::int64_t t0;
};
const std::vector<window> windows = {{"ssh", "192.0.2.7", 1'000'010},
                                     {"", "192.0.2.7", 1'000'010},
                                     {"ssh", "2001:db8::7", 1'000'020},
                                     {"web", "", 1'000'020},
                                     {"", "", 1'000'030}};
const window pending{"mail", "192.0.2.8", 1'000'040};

unix_time accepted_of(const window& w) { return unix_time{seconds(w.t0 + 1)}; }

granting::burnt burnt_of(const window& w) {
    granting::burnt b{key, w.t0, w.service + '\0' + w.who, std::nullopt, accepted_of(w)};
    if (!w.who.empty()) b.who = address::parse(w.who).value();
    return b;
}

void put(writer& w, const std::string& text) {
    w.u32(static_cast<std::uint32_t>(text.size()));
    w.bytes(text);
}

/// A state file of version 0 with its marks: idle after a clean stop, or killed before a commit that only a
/// mark knows of.
void make_version_0(const std::string& path, bool killed) {
    auto db = io::database::open(path, schema_0).value();
    for (const auto& w : windows) {
        io::statement s(db, "insert into burnt values (?, ?, ?, ?, ?)");
        s.bind(key).bind(w.service).bind(w.who).bind(w.t0).bind(accepted_of(w).time_since_epoch().count());
        BOOST_REQUIRE(s.step());
    }
    io::statement floor(db, "insert into floor values ('any', ?)");
    BOOST_REQUIRE(floor.bind(floor_set.time_since_epoch().count()).step());
    auto one = io::store_mark::open(path + "-mark").value();
    auto other = io::store_mark::open(path + "-mark2").value();
    BOOST_REQUIRE(other.renew(4, ""));
    BOOST_REQUIRE(one.renew(5, ""));
    for (const auto& [row, mark] : {std::pair(0, &one), std::pair(1, &other)}) {
        io::statement s(db, "insert into mark values (?, ?, ?)");
        BOOST_REQUIRE(s.bind(std::int64_t{row}).bind(mark->now().count).bind(mark->now().changed).step());
    }
    if (!killed) return;
    writer w;
    w.u64(static_cast<std::uint64_t>(one.now().count));
    w.u64(static_cast<std::uint64_t>(one.now().changed));
    put(w, key);
    put(w, pending.service);
    put(w, pending.who);
    w.u64(static_cast<std::uint64_t>(pending.t0));
    w.u64(static_cast<std::uint64_t>(accepted_of(pending).time_since_epoch().count()));
    BOOST_REQUIRE(other.renew(6, w.text()));
}

} // namespace

BOOST_AUTO_TEST_SUITE(state_version)

BOOST_AUTO_TEST_CASE(a_file_of_version_0_opens_with_nothing_lost_and_no_new_floor) {
    for (const bool killed : {false, true}) {
        const folder f;
        const auto path = f / "state.db";
        make_version_0(path, killed);
        for (int opening = 0; opening < 2; ++opening) { // the change happens once
            auto record = io::burnt_record::open(path).value();
            BOOST_TEST((record.floor() == floor_set));
            const auto known = record.load().value();
            BOOST_TEST(known.size() == windows.size() + (killed ? 1 : 0));
            for (const auto& w : windows)
                BOOST_TEST((std::ranges::find(known, burnt_of(w)) != known.end()), w.service << ' ' << w.who);
            BOOST_TEST((std::ranges::find(known, burnt_of(pending)) != known.end()) == killed);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_version_1_tells_by_its_history_whose_grants_are) {
    const folder f;
    const auto path = f / "state.db";
    const auto begin = unix_time{seconds(1'000'000)};
    {
        // Back to what version 1 made, with what its history knew.
        auto record = io::burnt_record::open(path).value();
        auto& db = record.connection();
        using kind = granting::history_entry::kind;
        const auto here = address::parse("192.0.2.7").value(), there = address::parse("2001:db8::7").value();
        const std::vector<granting::history_entry> history{
            {begin, kind::granted, "alice", here, "ssh, web", "30s, 1h"},
            {begin + seconds(1), kind::granted, "bob", there, "ssh", "30s"},
            {begin + seconds(2), kind::revoked, "alice", here, "web", ""},
            {begin + seconds(3), kind::refused, "alice", there, "ssh", "a replay"},
            {begin + seconds(4), kind::expired, "bob", there, "ssh", ""},
            {begin + seconds(5), kind::granted, "bob", there, "ssh", "2h"},
            {begin + seconds(6), kind::granted, "carol", std::nullopt, "ssh", "1h"}};
        BOOST_REQUIRE(io::add_to_history(db, history));
        BOOST_REQUIRE(db.run("drop table opened; pragma user_version = 1"));
    }
    for (int opening = 0; opening < 2; ++opening) {
        auto record = io::burnt_record::open(path).value();
        const auto open = io::open_grants(record.connection()).value();
        const auto here = address::parse("192.0.2.7").value(), there = address::parse("2001:db8::7").value();
        BOOST_TEST((open == std::vector<granting::opened_grant>{
                                {"alice", "", here, "ssh", begin, begin + seconds(30)},
                                {"bob", "", there, "ssh", begin + seconds(5), begin + seconds(7205)}}));
        BOOST_TEST(io::opened_of(record.connection(), "alice").value().grants.size() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_version_0_that_is_held_stays_as_it_is_until_it_is_not) {
    const folder f;
    const auto path = f / "state.db";
    make_version_0(path, false);
    auto holder = io::database::open(path, "").value();
    BOOST_REQUIRE(holder.run("begin exclusive"));
    BOOST_TEST(!io::burnt_record::open(path));
    BOOST_REQUIRE(holder.run("rollback"));
    BOOST_TEST(io::burnt_record::open(path).value().load().value().size() == windows.size());
}

BOOST_AUTO_TEST_CASE(a_file_of_a_newer_version_is_told_in_one_line_and_stays_as_it_is) {
    const folder f;
    const auto path = f / "state.db";
    {
        auto db = io::database::open(path, "create table other (x); pragma user_version = 7").value();
    }
    const auto before = io::read_file(path).value();
    const auto opened = io::burnt_record::open(path);
    BOOST_REQUIRE(!opened);
    BOOST_TEST(opened.error().text ==
               path + ": expected a state file of version 2 at most; this one, of version 7, "
                      "was made by a newer chronoknock");
    BOOST_TEST(io::read_file(path).value() == before);
    BOOST_TEST(!std::filesystem::exists(path + "-mark"));
}

BOOST_AUTO_TEST_SUITE_END()

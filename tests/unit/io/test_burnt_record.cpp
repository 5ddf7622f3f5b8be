#include "folder.hpp"
#include "io/store/burnt_record.hpp"
#include "io/store/opened_table.hpp"
#include "io/system/files.hpp"

#include <algorithm>
#include <array>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace chronoknock;
namespace fs = std::filesystem;
using knocks = std::vector<granting::burnt>;

namespace {

const unix_time floor_set{seconds(1'000'000)};

/// The n-th of many knocks: without an address, with an IPv4 one, with an IPv6 one, by turns.
granting::burnt knock_of(int n) {
    granting::burnt b{"0123456789abcdef0123456789abcdef", 1'000'000 + 10 * n, n % 2 == 0 ? "web" : "",
                      std::nullopt, floor_set + seconds(n)};
    if (n % 3 > 0) b.who = address::parse(n % 3 == 1 ? "192.0.2.7" : "2001:db8::7").value();
    b.identity += '\0' + (b.who ? b.who->to_string() : "");
    return b;
}

knocks knocks_of(int first, int number) {
    knocks all;
    for (int n = 0; n < number; ++n) all.push_back(knock_of(first + n));
    return all;
}

void wait_until(const std::function<bool()>& so) {
    for (int tries = 0; !so(); ++tries) {
        BOOST_REQUIRE(tries < 10'000);
        std::this_thread::sleep_for(milliseconds(1));
    }
}

/// The state file and all that lies beside it.
struct state_files {
    folder f;
    std::string path = f / "state.db";

    io::burnt_record open() const { return io::burnt_record::open(path).value(); }

    using copy = std::map<fs::path, std::string>;
    copy take(const std::string& prefix = "state.db") const {
        copy c;
        for (const auto& file : fs::directory_iterator(f.path()))
            if (file.path().filename().string().starts_with(prefix))
                c[file.path()] = io::read_file(file.path()).value();
        return c;
    }

    /// A process opens the record and does `work`, while another one holds the database; it is killed when it
    /// has renewed a mark and could not commit.
    void kill_before_commit(const std::function<void(io::burnt_record&)>& work,
                            bool at_opening = false) const {
        int ready[2], go[2];
        BOOST_REQUIRE(::pipe(ready) == 0 && ::pipe(go) == 0);
        char c = 0;
        const auto child = ::fork();
        if (child == 0) {
            ::alarm(20);
            std::optional<io::burnt_record> s;
            if (!at_opening) s.emplace(open());
            if (::write(ready[1], &c, 1) != 1 || ::read(go[0], &c, 1) != 1) ::_exit(1);
            try {
                if (at_opening) s.emplace(open());
                work(*s);
            } catch (const std::exception&) { // it could not
            }
            for (;;) ::pause();
        }
        BOOST_REQUIRE(child > 0);
        BOOST_REQUIRE(::read(ready[0], &c, 1) == 1);
        auto holder = io::database::open(path, "").value();
        BOOST_REQUIRE(holder.run("begin immediate"));
        const auto before = take("state.db-mark");
        BOOST_REQUIRE(::write(go[1], &c, 1) == 1);
        wait_until([&] { return take("state.db-mark") != before; });
        ::kill(child, SIGKILL);
        int status = 0;
        BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
        BOOST_REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        BOOST_REQUIRE(holder.run("rollback"));
        for (const int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
    }
};

bool has_all(io::burnt_record& s, int number) {
    const auto known = s.load().value();
    const auto expected = knocks_of(0, number);
    return std::ranges::all_of(expected,
                               [&](const auto& k) { return std::ranges::find(known, k) != known.end(); });
}

/// Puts files back to what they were: in place, or new ones in their place.
void put_back(const state_files::copy& files, bool in_place) {
    for (const auto& [path, text] : files) {
        if (!in_place) fs::remove(path);
        BOOST_REQUIRE(std::ofstream(path) << text);
    }
}

/// The clock by which the kernel may stamp changes goes in steps.
void let_the_kernels_clock_go_on() {
    const auto now = [] {
        timespec t{};
        ::clock_gettime(CLOCK_REALTIME_COARSE, &t);
        return std::pair(t.tv_sec, t.tv_nsec);
    };
    wait_until([&, before = now()] { return now() != before; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(burnt_record)

BOOST_AUTO_TEST_CASE(what_is_burnt_and_the_floor_are_kept) {
    const state_files files;
    BOOST_TEST(!files.open().floor().has_value());
    {
        auto s = files.open();
        BOOST_REQUIRE(s.set_floor(floor_set));
        BOOST_REQUIRE(s.burn(knocks_of(0, 100)));
        BOOST_REQUIRE(s.burn(knocks_of(100, 1)));
    }
    for (int again = 0; again < 3; ++again) {
        auto s = files.open();
        BOOST_TEST((s.floor() == floor_set));
        BOOST_TEST(has_all(s, 101));
        if (again == 1) BOOST_REQUIRE(s.close_cleanly());
    }
}

BOOST_AUTO_TEST_CASE(a_record_that_was_lost_is_told_from_a_new_one) {
    const state_files files;
    {
        auto s = files.open();
        BOOST_TEST((s.lacking() == std::nullopt));
        BOOST_REQUIRE(s.set_floor(floor_set));
        BOOST_REQUIRE(s.burn(knocks_of(0, 1)));
        BOOST_TEST((s.lacking() == std::nullopt));
    }
    BOOST_TEST((files.open().lacking() == std::nullopt));
    for (const auto* end : {"", "-wal", "-shm"}) fs::remove(files.path + end);
    BOOST_TEST((files.open().lacking() == unix_time::max()));
    {
        auto s = files.open(); // and still, as long as there is no floor
        BOOST_TEST((s.lacking() == unix_time::max()));
        BOOST_REQUIRE(s.set_floor(floor_set + seconds(9)));
        BOOST_TEST((s.lacking() == floor_set + seconds(9)));
    }
    BOOST_TEST((files.open().lacking() == floor_set + seconds(9)));
}

BOOST_AUTO_TEST_CASE(a_loss_was_not_found_later_than_the_floor_after_it) {
    const state_files files;
    BOOST_REQUIRE(files.open().set_floor(floor_set));
    for (const auto* end : {"", "-wal", "-shm"}) fs::remove(files.path + end);
    BOOST_REQUIRE(files.open().set_floor(floor_set + std::chrono::hours(240))); // the clock was ahead
    {
        auto s = files.open();
        BOOST_TEST((s.lacking() == floor_set + std::chrono::hours(240)));
        BOOST_REQUIRE(s.set_floor(floor_set + seconds(9)));
        BOOST_TEST((s.lacking() == floor_set + seconds(9)));
    }
    BOOST_TEST((files.open().lacking() == floor_set + seconds(9)));
    BOOST_REQUIRE(files.open().set_floor(floor_set + seconds(99)));
    BOOST_TEST((files.open().lacking() == floor_set + seconds(9)));
}

/// As long as no clock is there to set one by.
BOOST_AUTO_TEST_CASE(a_new_record_without_a_floor_lacks_nothing) {
    for (const bool cleanly : {true, false}) {
        const state_files files;
        (void)files.open();
        const auto begun = files.take();
        for (int burnt = 0; burnt < 3; ++burnt) {
            auto s = files.open();
            BOOST_TEST((s.lacking() == std::nullopt));
            BOOST_TEST(!s.floor().has_value());
            BOOST_TEST(has_all(s, burnt));
            BOOST_REQUIRE(s.burn(knocks_of(burnt, 1)));
            if (cleanly) BOOST_REQUIRE(s.close_cleanly());
        }
        files.kill_before_commit([](io::burnt_record& s) { (void)s.burn(knocks_of(3, 2)); });
        {
            auto s = files.open();
            BOOST_TEST((s.lacking() == std::nullopt));
            BOOST_TEST(has_all(s, 5));
        }
        for (const auto* end : {"", "-wal", "-shm"}) fs::remove(files.path + end);
        put_back({*begun.find(files.path)}, false); // as it was when it was new
        BOOST_TEST((files.open().lacking() == unix_time::max()));
        fs::remove(files.path);
        BOOST_TEST((files.open().lacking() == unix_time::max()));
    }
}

BOOST_AUTO_TEST_CASE(a_kill_at_the_first_knock_of_a_record_costs_nothing) {
    const state_files files;
    files.kill_before_commit([](io::burnt_record& s) { (void)s.burn(knocks_of(0, 1)); });
    auto s = files.open();
    BOOST_TEST((s.lacking() == std::nullopt));
    BOOST_TEST(has_all(s, 1));
    BOOST_REQUIRE(s.set_floor(floor_set));
    BOOST_TEST((files.open().floor() == floor_set));
}

BOOST_AUTO_TEST_CASE(a_kill_before_the_commit_costs_nothing) {
    const state_files files;
    BOOST_REQUIRE(files.open().set_floor(floor_set));
    for (int burnt = 0; burnt < 12; burnt += 3) {
        files.kill_before_commit([&](io::burnt_record& s) { (void)s.burn(knocks_of(burnt, 3)); });
        auto s = files.open();
        BOOST_TEST((s.floor() == floor_set));
        BOOST_TEST(has_all(s, burnt + 3));
    }
    // And of the commit that sets a floor, at the opening or a clean stop.
    files.kill_before_commit([](io::burnt_record&) {}, true);
    files.kill_before_commit([](io::burnt_record& s) { (void)s.close_cleanly(); });
    BOOST_TEST((files.open().floor() == floor_set));
    BOOST_REQUIRE(files.open().close_cleanly());
    files.kill_before_commit([](io::burnt_record&) {}, true);
    auto s = files.open();
    BOOST_TEST((s.floor() == floor_set));
    BOOST_TEST(has_all(s, 12));
}

BOOST_AUTO_TEST_CASE(a_kill_behind_what_is_only_noted_costs_nothing) {
    const state_files files;
    BOOST_REQUIRE(files.open().set_floor(floor_set));
    const granting::opened_grant grant{"alice", "0123",    prefix::parse("192.0.2.0/24").value(),
                                       "web",   floor_set, floor_set + seconds(30)};
    for (int burnt = 0; burnt < 4; ++burnt) {
        files.kill_before_commit([&](io::burnt_record& s) {
            if (!s.note(knocks_of(burnt, 1), {grant})) std::abort();
        });
        auto s = files.open();
        BOOST_TEST((s.floor() == floor_set));
        BOOST_TEST(has_all(s, burnt + 1));
        BOOST_TEST((io::open_grants(s.connection()).value() == std::vector{grant}));
    }
}

BOOST_AUTO_TEST_CASE(what_is_only_noted_is_burnt_with_whatever_comes_next) {
    for (int next = 0; next < 5; ++next) {
        const state_files files;
        auto s = files.open();
        BOOST_REQUIRE(s.set_floor(floor_set));
        BOOST_REQUIRE(s.note(knocks_of(0, 1), {}));
        BOOST_TEST(s.has_unburnt());
        BOOST_TEST(!has_all(s, 1));
        const int burnt = next < 2 ? 2 : 1;
        if (next == 0) BOOST_REQUIRE(s.note(knocks_of(1, 1), {}));
        if (next == 1) BOOST_REQUIRE(s.burn(knocks_of(1, 1)));
        if (next == 2) BOOST_REQUIRE(s.burn({}));
        if (next == 3) BOOST_REQUIRE(s.set_floor(floor_set));
        if (next == 4) BOOST_REQUIRE(s.close_cleanly());
        BOOST_TEST(!s.has_unburnt());
        auto again = files.open();
        BOOST_TEST(has_all(again, burnt));
        BOOST_TEST((again.floor() == floor_set));
    }
}

BOOST_AUTO_TEST_CASE(more_than_a_mark_holds_is_committed_at_once) {
    const state_files files;
    auto s = files.open();
    BOOST_REQUIRE(s.set_floor(floor_set));
    BOOST_REQUIRE(s.note(knocks_of(0, 200), {}));
    BOOST_TEST(!s.has_unburnt());
    BOOST_TEST(has_all(s, 200));
}

BOOST_AUTO_TEST_CASE(no_floor_is_set_over_what_only_a_mark_has) {
    const state_files files;
    auto s = files.open();
    BOOST_REQUIRE(s.set_floor(floor_set));
    BOOST_REQUIRE(s.note(knocks_of(0, 1), {}));
    {
        auto holder = io::database::open(files.path, "").value();
        BOOST_REQUIRE(holder.run("begin immediate"));
        BOOST_TEST(!s.set_floor(floor_set));
        BOOST_REQUIRE(holder.run("rollback"));
    }
    auto again = files.open(); // as after a kill
    BOOST_TEST(has_all(again, 1));
    BOOST_TEST((again.floor() == floor_set));
}

BOOST_AUTO_TEST_CASE(more_knocks_than_a_mark_holds_are_missed_after_such_a_kill) {
    const state_files files;
    BOOST_REQUIRE(files.open().set_floor(floor_set));
    files.kill_before_commit([](io::burnt_record& s) { (void)s.burn(knocks_of(0, 200)); });
    auto s = files.open();
    BOOST_TEST(!s.floor().has_value());
    // Until the new floor is set, whatever is burnt meanwhile.
    BOOST_REQUIRE(s.burn(knocks_of(0, 1)));
    s = files.open();
    BOOST_TEST(!s.floor().has_value());
    files.kill_before_commit([](io::burnt_record& killed) { (void)killed.set_floor(floor_set); });
    s = files.open();
    BOOST_TEST(!s.floor().has_value());
    BOOST_REQUIRE(s.set_floor(floor_set));
    BOOST_TEST((files.open().floor() == floor_set));
}

BOOST_AUTO_TEST_CASE(a_damaged_mark_is_noticed) {
    for (const bool killed : {false, true}) {
        const state_files files;
        BOOST_REQUIRE(files.open().set_floor(floor_set));
        BOOST_REQUIRE(files.open().burn(knocks_of(0, 1)));
        if (killed) files.kill_before_commit([](io::burnt_record& s) { (void)s.burn(knocks_of(1, 1)); });
        for (const auto& [path, text] : files.take("state.db-mark")) {
            BOOST_REQUIRE(text.size() == 4096);
            auto changed = text;
            changed[20] ^= 1; // among the times
            put_back({{path, changed}}, true);
        }
        BOOST_TEST(!files.open().floor().has_value());
    }
}

/// Whichever of the files are put back to what they were before so many knocks, idle or amid a burn: what was
/// burnt since is known, or the floor is to be set anew.
BOOST_DATA_TEST_CASE(what_was_put_back_lacks_nothing_unnoticed,
                     boost::unit_test::data::make({false, true}) * boost::unit_test::data::xrange(4) *
                         boost::unit_test::data::make({false, true}),
                     amid, later, in_place) {
    const std::array<std::string, 4> names{"state.db", "state.db-wal", "state.db-mark", "state.db-mark2"};
    int noticed = 0;
    for (unsigned which = 1; which < 16; ++which) {
        const state_files files;
        BOOST_REQUIRE(files.open().set_floor(floor_set));
        BOOST_REQUIRE(files.open().burn(knocks_of(0, 1)));
        int burnt = 1;
        if (amid)
            files.kill_before_commit([](io::burnt_record& s) { (void)s.burn(knocks_of(1, 1)); }), ++burnt;
        state_files::copy then;
        {
            auto s = amid ? std::optional<io::burnt_record>() : files.open();
            then = files.take();
            if (!s) s.emplace(files.open());
            for (int n = 0; n < later; ++n) BOOST_REQUIRE(s->burn(knocks_of(burnt++, 1)));
        }
        let_the_kernels_clock_go_on();
        state_files::copy some;
        for (unsigned n = 0; n < names.size(); ++n)
            if (const auto file = then.find(files.f / names[n]); which >> n & 1 && file != then.end())
                some.insert(*file);
        put_back(some, in_place);
        auto s = files.open();
        BOOST_TEST((has_all(s, burnt) || !s.floor().has_value()),
                   "put back " << which << ", " << later << " later" << (amid ? ", amid" : ""));
        noticed += !s.floor().has_value();
    }
    BOOST_TEST(noticed > 0);
}

BOOST_AUTO_TEST_CASE(a_database_that_is_held_is_not_waited_for_and_burnt_later) {
    const state_files files;
    auto s = files.open();
    BOOST_REQUIRE(s.set_floor(floor_set));
    auto holder = io::database::open(files.path, "").value();
    BOOST_REQUIRE(holder.run("begin exclusive"));
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(!s.burn(knocks_of(0, 2)));
    BOOST_TEST(s.is_held());
    BOOST_TEST(!s.burn(knocks_of(2, 1)));
    const auto marks = files.take("state.db-mark");
    for (int n = 0; n < 100; ++n) BOOST_TEST(!s.burn({}));
    BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(1)));
    BOOST_TEST((files.take("state.db-mark") == marks)); // trying again wears no disk
    BOOST_TEST(s.has_unburnt());
    BOOST_REQUIRE(holder.run("rollback"));
    BOOST_REQUIRE(s.burn({}));
    BOOST_TEST(!s.has_unburnt());
    auto again = files.open();
    BOOST_TEST(has_all(again, 3));
    BOOST_TEST((again.floor() == floor_set));
}

BOOST_AUTO_TEST_SUITE_END()

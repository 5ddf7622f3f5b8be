#include "failing_new.hpp"
#include "folder.hpp"
#include "io/store/sqlite_store.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

using namespace chronoknock;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

using kind = granting::history_entry::kind;

const auto here = address::parse("192.0.2.7").value();

granting::burnt token(int n) { return {"key", n, "ssh", here, unix_time{seconds(n)}}; }

granting::history_entry happened(int n, kind what = kind::granted) {
    return {unix_time{seconds(n)}, what, "alice", here, "ssh, web", what == kind::granted ? "" : "a replay"};
}

struct world {
    folder f;
    std::string path = f / "state.db";
    boost::asio::io_context context;
    std::unique_ptr<io::sqlite_store> store = open();

    std::unique_ptr<io::sqlite_store> open() { return io::sqlite_store::open(context, path).value(); }
    io::database holder() const {
        auto db = io::database::open(path, "").value();
        BOOST_REQUIRE(db.run("begin exclusive"));
        return db;
    }
    /// Turns of the loop until it is so; gives how long the longest took.
    steady_clock::duration run_until(const std::function<bool()>& so, steady_clock::duration limit = 20s) {
        const auto end = steady_clock::now() + limit;
        steady_clock::duration longest{0};
        while (!so()) {
            const auto begin = steady_clock::now();
            BOOST_REQUIRE((begin < end));
            context.restart();
            if (context.poll_one() > 0) longest = std::max(longest, steady_clock::now() - begin);
        }
        return longest;
    }
    std::vector<result<void>> answers;
    void redeem(std::vector<granting::burnt> tokens) {
        store->redeem(std::move(tokens), {}, [this](const result<void>& done) { answers.push_back(done); });
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(sqlite_store)

BOOST_AUTO_TEST_CASE(it_answers_in_a_later_turn_when_all_is_burnt) {
    world w;
    w.redeem({token(1), token(2)});
    w.redeem({token(3)});
    BOOST_TEST(w.answers.empty());
    w.run_until([&] { return w.answers.size() == 2; });
    BOOST_TEST((w.answers[0] && w.answers[1]));
    w.run_until([&] { return w.store->load().value().size() == 3; });
}

BOOST_AUTO_TEST_CASE(the_answer_does_not_wait_for_the_database_and_what_is_asked_next_finds_all_in_it) {
    world w;
    const granting::opened_grant grant{
        "alice", "key", prefix(here), "ssh", unix_time{seconds(1)}, unix_time{seconds(31)}};
    std::size_t committed = 9;
    w.store->redeem({token(1)}, {grant}, [&](const result<void>& done) {
        BOOST_TEST(done.has_value());
        committed = w.store->load().value().size();
    });
    w.run_until([&] { return committed != 9; });
    BOOST_TEST(committed == 0u);
    BOOST_TEST((w.store->opened_of("alice").value().grants == std::vector{grant}));
    BOOST_TEST(w.store->load().value().size() == 1u);
    // And of itself, with nothing asked.
    w.redeem({token(2)});
    w.run_until([&] { return w.store->load().value().size() == 2; });
}

BOOST_AUTO_TEST_CASE(the_grant_of_a_knock_can_be_ended_before_it_is_in_the_database) {
    world w;
    const granting::opened_grant grant{
        "alice", "key", prefix(here), "ssh", unix_time{seconds(1)}, unix_time{seconds(31)}};
    auto holder = w.holder();
    w.store->redeem({token(1)}, {grant}, [&](const result<void>&) { w.store->end({&grant, 1}); });
    w.run_until([&] { return w.context.poll_one() == 0; });
    // Whoever revokes it need not wait for the database.
    BOOST_TEST((w.store->opened_of("alice").value().grants == std::vector{grant}));
    BOOST_TEST(w.store->opened_by({"alice"}).value().size() == 1u);
    BOOST_TEST(w.store->opened_by({"bob"}).value().empty());
    BOOST_REQUIRE(holder.run("rollback"));
    BOOST_TEST(w.store->open_grants().value().empty());
    BOOST_TEST(w.store->opened_of("alice").value().grants.size() == 1u);
}

BOOST_AUTO_TEST_CASE(while_another_process_holds_the_database_the_loop_goes_on) {
    world w;
    auto holder = w.holder();
    w.redeem({token(1)});
    w.run_until([&] { return w.answers.size() == 1; }); // a mark has it
    w.answers.clear();
    w.redeem({token(2)});
    int ticks = 0;
    boost::asio::steady_timer timer(w.context);
    std::function<void()> tick = [&] {
        timer.expires_after(5ms);
        timer.async_wait([&](boost::system::error_code) { ++ticks, tick(); });
    };
    tick();
    auto longest = w.run_until([&] { return ticks == 50; });
    BOOST_TEST(w.answers.empty());
    BOOST_REQUIRE(holder.run("rollback"));
    longest = std::max(longest, w.run_until([&] { return !w.answers.empty(); }));
    BOOST_TEST(w.answers.front().has_value());
    BOOST_TEST(w.store->load().value().size() == 2u);
    BOOST_TEST((longest < 1s)); // on a busy machine; waiting for SQLite's lock took two
}

BOOST_AUTO_TEST_CASE(held_for_too_long_it_fails_and_is_burnt_when_it_can_be) {
    world w;
    auto holder = w.holder();
    w.redeem({token(1)});
    w.run_until([&] { return w.answers.size() == 1; }); // a mark has it
    w.answers.clear();
    const auto begin = steady_clock::now();
    w.redeem({token(2)});
    w.run_until([&] { return !w.answers.empty(); });
    BOOST_TEST(!w.answers.front().has_value());
    BOOST_TEST((steady_clock::now() - begin < 10s));
    BOOST_REQUIRE(holder.run("rollback"));
    w.run_until([&] { return w.store->load().value().size() == 2; });
    w.redeem({token(2)}); // tried again
    w.run_until([&] { return w.answers.size() == 2; });
    BOOST_TEST(w.answers.back().has_value());
}

BOOST_AUTO_TEST_CASE(what_waits_is_burnt_at_a_clean_close) {
    world w;
    w.redeem({token(1)});
    w.store->note(happened(1));
    BOOST_REQUIRE(w.store->close_cleanly());
    w.context.run();
    BOOST_TEST(w.answers.empty());
    w.store.reset();
    w.store = w.open();
    BOOST_TEST(w.store->load().value().size() == 1u);
    BOOST_TEST(w.store->history(10).value().size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_while_it_is_held_is_forgotten_later_unless_it_is_burnt_anew) {
    world w;
    w.redeem({token(1), token(2)});
    w.run_until([&] { return !w.answers.empty(); });
    auto holder = w.holder();
    w.store->forget({token(1), token(2)});
    w.redeem({token(2)});
    BOOST_REQUIRE(holder.run("rollback"));
    w.run_until([&] { return w.store->load().value().size() == 1; });
    BOOST_TEST((w.store->load().value().front() == token(2)));
    BOOST_TEST(w.answers.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_closing_that_waits_ends_what_was_opened_before_and_not_what_is_opened_meanwhile) {
    world w;
    const auto opened = [](const char* key, int at) {
        return granting::opened_grant{key, "", here, "ssh", unix_time{seconds(at)}, unix_time{seconds(100)}};
    };
    const auto redeem = [&](int n, const granting::opened_grant& g) {
        w.store->redeem({token(n)}, {g}, [&w](const result<void>& done) { w.answers.push_back(done); });
    };
    redeem(1, opened("alice", 10));
    redeem(2, opened("bob", 11));
    w.run_until([&] { return w.answers.size() == 2; });
    auto holder = w.holder();
    w.store->closed(here, "ssh");
    redeem(3, opened("carol", 20));
    redeem(4, opened("bob", 21));
    BOOST_REQUIRE(holder.run("rollback"));
    w.run_until([&] { return w.answers.size() == 4; });
    const auto open = w.store->open_grants().value();
    BOOST_TEST((open == std::vector{opened("carol", 20), opened("bob", 21)}));
}

BOOST_AUTO_TEST_CASE(what_happened_is_kept) {
    world w;
    const std::vector<granting::history_entry> all{
        happened(1),
        happened(2, kind::refused),
        {unix_time{seconds(3)}, kind::expired, "", std::nullopt, "web", ""}};
    for (const auto& e : all) w.store->note(e);
    auto latest = w.store->history(10).value();
    BOOST_TEST((latest == std::vector{all[2], all[1], all[0]}));
    BOOST_TEST((w.store->history(1).value() == std::vector{all[2]}));
    w.store->note(happened(4));
    w.run_until([&] { // without being asked
        auto reader = io::database::open(w.path, "").value();
        io::statement s(reader, "select count(*) from history");
        return s.step().value() && s.integer(0) == 4;
    });
    w.store.reset();
    w.store = w.open();
    BOOST_TEST(w.store->history(10).value().size() == 4u);
}

BOOST_AUTO_TEST_CASE(what_happened_is_bounded_and_refusals_push_out_but_each_other) {
    world w;
    const auto fill = [&w](std::size_t number, kind what) {
        for (std::size_t n = 0; n < number; ++n) {
            w.store->note(happened(static_cast<int>(n), what));
            if (n % 500 == 499) w.store->history(0).value();
        }
        w.store->history(0).value();
    };
    const auto count = [&w](kind what) {
        const auto all = w.store->history(100'000).value();
        return std::ranges::count(all, what, &granting::history_entry::what);
    };
    fill(50, kind::granted);
    fill(granting::most_history_refused + 700, kind::refused);
    BOOST_TEST(count(kind::refused) == granting::most_history_refused);
    BOOST_TEST(count(kind::granted) == 50);
    fill(granting::most_history, kind::granted);
    BOOST_TEST(w.store->history(100'000).value().size() == granting::most_history);
    BOOST_TEST(count(kind::refused) == 0);
    // While it cannot be written, memory is bounded too.
    auto holder = w.holder();
    fill(3000, kind::granted);
    BOOST_TEST((w.store->history(1).value().front().when == unix_time{seconds(granting::most_history - 1)}));
}

BOOST_AUTO_TEST_CASE(whatever_it_has_no_memory_for_it_answers_and_goes_on) {
    long n = 0;
    for (bool failed = true; failed;) {
        world w;
        w.answers.reserve(8);
        w.redeem({token(1)});
        {
            const failing_new none(++n);
            w.context.poll_one();
            failed = none.failed();
        }
        BOOST_TEST_REQUIRE(w.answers.size() == 1u);
        BOOST_TEST((failed || w.answers.front().has_value()));
        w.redeem({token(1)});
        w.run_until([&] { return w.answers.size() == 2; });
        BOOST_TEST(w.answers.back().has_value());
        w.run_until([&] { return w.store->load().value().size() == 1; });
    }
    BOOST_TEST(n > 3);
}

BOOST_AUTO_TEST_CASE(a_floor_that_there_is_no_memory_for_is_an_error) {
    long n = 0;
    for (bool failed = true; failed;) {
        world w;
        result<void> done;
        {
            const failing_new none(++n);
            BOOST_REQUIRE_NO_THROW(done = w.store->set_floor(unix_time{seconds(1)}));
            failed = none.failed();
        }
        BOOST_TEST(done.has_value() == !failed);
        BOOST_TEST(w.store->set_floor(unix_time{seconds(2)}).has_value());
        BOOST_TEST((w.store->floor() == unix_time{seconds(2)}));
    }
    BOOST_TEST(n > 1);
}

BOOST_AUTO_TEST_SUITE_END()

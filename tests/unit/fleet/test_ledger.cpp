// What a host knows of the fleet's grants, by listing and by watching.
#include "lab.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

namespace {

struct world {
    seal ours{"/t", secret};
    store etcd;
    ledger known{ours};
    std::size_t seen = 0;

    granting::shared_changes list(bool other = false) {
        known.begin_listing(etcd.revision, other);
        known.list(etcd.all());
        seen = etcd.happened.size();
        return known.end_listing(noon);
    }
    granting::shared_changes watch(unix_time t = noon) {
        const std::vector<event> events(etcd.happened.begin() + static_cast<std::ptrdiff_t>(seen),
                                        etcd.happened.end());
        seen = etcd.happened.size();
        return known.apply(events, t);
    }
    granting::shared_grant knock(std::int64_t place, const std::string& host = "b") {
        auto r = redeems(ours, token(place), host);
        run(r, etcd);
        return grant_of(token(place), host);
    }
    std::string name() const { return ours.name_of_grant("K", here, "web"); }
    void erase_grant() { etcd.apply({{}, {erase{name()}}, {}}); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ledgers, world)

BOOST_AUTO_TEST_CASE(what_is_there_at_the_start_is_listed) {
    const auto g = knock(100);
    const auto changes = list();
    BOOST_TEST(changes.whole);
    BOOST_TEST((changes.opened == std::vector{g}));
    BOOST_TEST((changes.tokens == std::vector{token(100)}));
    BOOST_TEST(known.live(noon) == 1u);
    BOOST_TEST(known.live(noon + 30s) == 0u);
}

BOOST_AUTO_TEST_CASE(what_comes_and_goes_is_watched) {
    list();
    const auto g = knock(100);
    auto changes = watch();
    BOOST_TEST((changes.opened == std::vector{g}));
    BOOST_TEST((changes.tokens == std::vector{token(100)}));
    erase_grant();
    changes = watch();
    BOOST_TEST((changes.closed == std::vector{g}));
    BOOST_TEST(known.live(noon) == 0u);
}

BOOST_AUTO_TEST_CASE(of_what_happens_at_once_the_end_counts) {
    list();
    knock(100);
    erase_grant();
    const auto g = knock(101);
    auto changes = watch();
    BOOST_TEST((changes.opened == std::vector{g}));
    BOOST_TEST(changes.closed.empty());
    knock(102);
    erase_grant();
    changes = watch();
    BOOST_TEST(changes.opened.empty());
    BOOST_TEST(changes.closed.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_grant_whose_time_is_over_is_not_closed_by_it) {
    list();
    knock(100);
    watch();
    erase_grant(); // its lease is over
    BOOST_TEST(watch(noon + 30s).closed.empty());
}

BOOST_AUTO_TEST_CASE(what_went_while_nobody_watched_is_closed_at_the_next_listing) {
    knock(100);
    list();
    erase_grant();
    const auto changes = list();
    BOOST_TEST(changes.closed.size() == 1u);
    BOOST_TEST(changes.opened.empty());
}

BOOST_AUTO_TEST_CASE(this_hosts_own_changes_come_before_their_events) {
    knock(100);
    list();
    erase_grant(); // by another host, and not heard of yet
    const auto own = knock(101, "a");
    known.put_here(own, etcd.revision);
    auto changes = watch();
    BOOST_TEST(changes.closed.empty());
    BOOST_TEST(changes.opened.empty());
    BOOST_TEST(known.has(token(101), "a", noon));
    BOOST_TEST(!known.has(token(101), "b", noon));
    known.erased_here(name(), etcd.revision + 1);
    BOOST_TEST(known.live(noon) == 0u);
    erase_grant();
    BOOST_TEST(watch().closed.empty());
    const auto later = knock(102);
    BOOST_TEST((watch().opened == std::vector{later}));
}

BOOST_AUTO_TEST_CASE(what_this_host_does_while_it_lists_is_not_undone_by_the_listing) {
    const auto old = knock(100);
    list();
    const auto listed = etcd.all();
    const auto as_of = etcd.revision;
    const auto own = granting::shared_grant{"K", "alice", there, "web", 101, "x", noon, noon + 30s, "a"};
    known.put_here(own, as_of + 1); // its answer comes first
    known.begin_listing(as_of);
    known.list(listed);
    auto changes = known.end_listing(noon);
    BOOST_TEST(changes.closed.empty());
    BOOST_TEST((std::ranges::find(changes.opened, own) != changes.opened.end()));
    BOOST_TEST(known.live(noon) == 2u);
    // And what it has erased is not live again by its event or a listing of before.
    known.erased_here(name(), as_of + 2);
    known.begin_listing(as_of);
    known.list(listed);
    changes = known.end_listing(noon);
    BOOST_TEST((std::ranges::find(changes.opened, old) == changes.opened.end()));
    BOOST_TEST(known.live(noon) == 1u);
}

BOOST_AUTO_TEST_CASE(forged_entries_change_nothing) {
    const auto g = knock(100);
    list();
    etcd.apply({{}, {put{name(), "rubbish"}}, {}});
    auto changes = watch();
    BOOST_TEST(changes.opened.empty());
    BOOST_TEST(changes.closed.empty());
    BOOST_TEST(known.live(noon) == 1u);
    BOOST_TEST(known.take_ignored().size() == 1u);
    etcd.apply({{}, {put{name(), "other rubbish"}}, {}});
    watch();
    BOOST_TEST(known.take_ignored().empty()); // told once
    BOOST_TEST(known.ignored() == 2u);
    BOOST_TEST((list().opened == std::vector{g})); // nor by listing them
    // One that was sealed for another place.
    const auto moved = ours.name_of_grant("K", there, "web");
    etcd.apply({{}, {put{moved, ours.close(g)}}, {}});
    BOOST_TEST(watch().opened.empty());
}

BOOST_AUTO_TEST_CASE(what_takes_the_place_of_a_grant_does_not_hide_it_from_a_revoke) {
    const auto any = [](const granting::shared_grant&) { return true; };
    const auto old = knock(100);
    const auto old_value = etcd.entries[name()].value;
    const auto g = knock(101);
    list();
    for (const auto& value : {std::string("rubbish"), old_value}) {
        etcd.apply({{}, {put{name(), value}}, {}});
        BOOST_TEST(watch().opened.empty());
        auto found = known.find(any, noon);
        BOOST_REQUIRE(found.size() == 1u);
        BOOST_TEST(found.front().revision == etcd.revision);
        BOOST_TEST((found.front().grant == g));
        etcd.apply({{}, {put{name(), value}}, {}});
        BOOST_TEST((list().opened == std::vector{g}));
        found = known.find(any, noon);
        BOOST_REQUIRE(found.size() == 1u);
        BOOST_TEST(found.front().revision == etcd.revision);
    }
    // What stands there when a revoke comes too late is judged alike.
    const auto place = known.find(any, noon).front();
    BOOST_TEST(!known.is_newer({name(), "rubbish", 0}, place));
    BOOST_TEST(!known.is_newer({name(), old_value, 0}, place));
    BOOST_TEST(!known.is_newer({name(), ours.close(g), 0}, place));
    BOOST_TEST(known.is_newer({name(), ours.close(grant_of(token(102), "a")), 0}, place));
    erase_grant();
    BOOST_TEST((watch().closed == std::vector{g}));
}

BOOST_AUTO_TEST_CASE(a_newer_knock_counts_by_its_place_where_clocks_differ) {
    list();
    knock(100);
    watch();
    auto g = grant_of(token(101), "c");
    g.accepted -= 2s;
    etcd.apply({{}, {put{name(), ours.close(g)}}, {}});
    BOOST_TEST((watch().opened == std::vector{g}));
}

BOOST_AUTO_TEST_CASE(a_grant_that_is_put_back_at_once_is_closed_all_the_same) {
    knock(100);
    const auto old_value = etcd.entries[name()].value;
    const auto g = knock(101);
    const auto value = etcd.entries[name()].value;
    for (const auto& back : {value, old_value}) {
        etcd.apply({{}, {put{name(), value}}, {}});
        list();
        erase_grant();
        etcd.apply({{}, {put{name(), back}}, {}});
        const auto changes = watch();
        BOOST_TEST((changes.closed == std::vector{g}));
        BOOST_TEST(changes.opened.empty());
        erase_grant();
        watch();
    }
}

BOOST_AUTO_TEST_CASE(long_names_of_forged_entries_are_not_kept) {
    const std::string first = "/t/grant/" + std::string(1'000'000, 'x');
    etcd.apply({{}, {put{first + "1", "rubbish"}, put{first + "2", "rubbish"}}, {}});
    list();
    const auto told = known.take_ignored();
    BOOST_REQUIRE(told.size() == 1u); // cut, they are the same
    BOOST_TEST(told.front().size() < 1000u);
    BOOST_TEST(known.ignored() == 2u);
}

BOOST_AUTO_TEST_CASE(a_cluster_that_was_put_back_is_listed_anew) {
    knock(100);
    const auto backup = etcd;
    for (int i = 1; i < 20; ++i) knock(100 + i);
    list();
    etcd = backup;
    const auto changes = list(true);
    BOOST_TEST(changes.opened.size() == 1u);
    BOOST_TEST(changes.opened.front().place == 100); // whether it opens again its token says
    const auto g = knock(130);
    BOOST_TEST((watch().opened == std::vector{g}));
}

BOOST_AUTO_TEST_CASE(a_knock_takes_one_transaction_after_another_hosts) {
    const auto takes_one = [&](std::int64_t place, const ledger& by) {
        auto r = redeems(ours, token(place), "a", 2, by.top_of("K"));
        const auto step = r.answered(etcd.apply(r.request({1, 2})), noon + 5s);
        return step == redemption::step::over && r.outcome().is == granting::shared_outcome::kind::burnt;
    };
    list();
    knock(100);
    BOOST_TEST(!takes_one(101, known));
    watch();
    BOOST_TEST(takes_one(101, known));
    watch();
    knock(95); // within the slack, so that the newest place stays
    const auto before = known.top_of("K");
    watch();
    BOOST_TEST((known.top_of("K") == before));
    BOOST_TEST(takes_one(102, known));
    knock(96); // later than the newest place was written, which a listing tells of after it
    ledger fresh{ours};
    fresh.begin_listing(etcd.revision);
    fresh.list(etcd.all());
    fresh.end_listing(noon);
    BOOST_TEST(takes_one(103, fresh));
    // An old token that is put back by somebody is not the newest for it.
    watch();
    const auto name = ours.name_of(token(102));
    etcd.apply({{}, {put{name, etcd.entries.at(name).value}}, {}});
    watch();
    BOOST_TEST(takes_one(104, known));
}

BOOST_AUTO_TEST_CASE(of_tokens_of_one_place_the_first_has_written_the_newest) {
    for (const std::string other : {"v4", "v6", "carol", "dave"}) { // listed before the first, or after it
        etcd = {};
        for (const auto& identity : {std::string("x"), other}) {
            auto r = redeems(ours, token(100, identity), "b");
            run(r, etcd);
        }
        const auto first = etcd.entries.at(ours.name_of_top("K")).changed;
        list(true);
        BOOST_TEST((known.top_of("K") == known_top{first, true, 100}));
        // What is wrong all the same is read, and stays mended.
        auto r = redeems(ours, token(101), "a", 2, {first + 100, true, 99});
        run(r, etcd);
        known.read_top("K", r.top());
        BOOST_TEST((known.top_of("K") == r.top()));
    }
}

BOOST_AUTO_TEST_CASE(of_another_cluster_no_newest_place_is_known) {
    list();
    knock(100);
    watch();
    BOOST_TEST(known.top_of("K").has_place);
    etcd = {};
    list(true);
    BOOST_TEST((known.top_of("K") == known_top()));
}

BOOST_AUTO_TEST_SUITE_END()

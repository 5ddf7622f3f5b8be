// Keys of a fleet: what its store says of a claim, and what other hosts have opened, closed and burnt.
#include "shared_lab.hpp"

using namespace shared_lab;

BOOST_FIXTURE_TEST_SUITE(shared_keys, world)

BOOST_AUTO_TEST_CASE(each_claim_is_a_batch_of_its_own) {
    const auto todo = line.judge(std::vector{knock("x"), knock("y")}, now, {clock(), 0s});
    BOOST_REQUIRE(todo.size() == 2u);
    for (const auto& a : todo) {
        const auto& r = std::get<redeem>(a);
        BOOST_TEST(r.tokens.size() == 1u);
        BOOST_REQUIRE(r.shared.has_value());
        BOOST_TEST(r.shared->slack == 10);
        BOOST_TEST((r.shared->longest == 30s));
    }
    BOOST_TEST(
        line.shared_redeemed(std::get<redeem>(todo[0]).batch, {kind::refused, "a replay: b has it"}, now)
            .size() == 2u); // a line and a note
    BOOST_TEST(line.shared_redeemed(std::get<redeem>(todo[1]).batch, {kind::burnt, ""}, now).size() == 1u);
    BOOST_TEST(line.count().refused == 1u);
}

BOOST_AUTO_TEST_CASE(what_another_host_took_a_moment_ago_is_no_news) {
    const auto r = judged("x");
    BOOST_TEST(line.shared_redeemed(r.batch, {kind::repeated, ""}, now).empty());
    BOOST_TEST(line.count().repeated == 1u);
    BOOST_TEST(line.guard().is_burnt("a", epoch, "x"));
}

BOOST_AUTO_TEST_CASE(what_failed_may_be_tried_again) {
    const auto r = judged("x");
    const auto todo = line.shared_redeemed(r.batch, {kind::failed, "the cluster is lost"}, now);
    BOOST_TEST(lines_of(todo).at(0).line ==
               "key alice opens web for 30s to 192.0.2.1, window 0: not opened: the "
               "cluster is lost");
    BOOST_TEST(!line.guard().is_burnt("a", epoch, "x"));
    now += 1s;
    opened("x");
    BOOST_TEST(holds());
}

BOOST_AUTO_TEST_CASE(another_hosts_grant_is_opened_once) {
    now += 1s;
    auto g = from("beta", "x");
    now += 2s;
    const auto opened = shared({.opened = {g}});
    BOOST_TEST((opened == std::vector<opening>{{here, "web", 28s}}));
    BOOST_TEST((written == std::vector<burnt>{{"a", epoch, "x", here, g.accepted}}));
    BOOST_TEST(holds());
    BOOST_TEST(line.count().shared == 1u);
    BOOST_TEST(line.count().granted == 0u);
    BOOST_TEST(shared({.opened = {g}}).empty());
    now += 29s;
    BOOST_TEST(shared({.opened = {g}, .whole = true}).empty());
    // And its knock earns nothing here.
    BOOST_TEST(
        !std::holds_alternative<redeem>(line.judge(std::vector{knock("x")}, now, {clock(), 0s}).at(0)));
}

BOOST_AUTO_TEST_CASE(a_copy_that_lost_opens_what_the_other_hosts_did) {
    for (const auto is : {kind::repeated, kind::refused, kind::failed}) {
        world here_too;
        const auto r = here_too.judged("x");
        const auto g = here_too.from("beta", "x");
        BOOST_TEST(
            here_too.shared({.opened = {g}, .tokens = {r.tokens[0]}}).empty()); // nobody knows whose it is
        here_too.line.shared_redeemed(r.batch, {is, "beta has it"}, here_too.now);
        BOOST_TEST(here_too.line.owes_opening());
        BOOST_TEST(here_too.shared({}).size() == 1u);
        BOOST_TEST(here_too.holds());
        BOOST_TEST(!here_too.line.owes_opening());
        BOOST_TEST(here_too.shared({.opened = {g}, .whole = true}).empty());
    }
    for (const auto is : {kind::repeated, kind::refused, kind::failed}) {
        world answered_first;
        const auto r = answered_first.judged("x");
        answered_first.line.shared_redeemed(r.batch, {is, "beta has it"}, answered_first.now);
        const auto both =
            std::vector{answered_first.from("beta", "x"), answered_first.from("beta", "x", "ssh")};
        BOOST_TEST(answered_first.shared({.opened = both, .tokens = {r.tokens[0]}}).size() == 2u);
        BOOST_TEST(answered_first.holds());
        answered_first.shared({.closed = both});
        answered_first.line.revoked(answered_first.ends.number, {}, answered_first.now);
        BOOST_TEST(answered_first.shared({.opened = both}).empty()); // once
    }
    const auto r = judged("x");
    shared({.opened = {from("alpha", "x")}});
    line.shared_redeemed(r.batch, {kind::burnt, ""}, now);
    BOOST_TEST(!line.owes_opening()); // it was its own
}

BOOST_AUTO_TEST_CASE(one_knock_may_open_several) {
    const auto opened = shared({.opened = {from("beta", "x"), from("beta", "x", "ssh")},
                                .tokens = {{"a", epoch, "x", here, clock()}}});
    BOOST_TEST(opened.size() == 2u);
    BOOST_TEST(written.size() == 1u);
}

BOOST_AUTO_TEST_CASE(this_hosts_configuration_has_the_last_word) {
    auto g = from("beta", "x", "mail");
    BOOST_TEST(shared({.opened = {g}}).empty()); // no such service
    g = from("beta", "y");
    g.key = "b";
    BOOST_TEST(shared({.opened = {g}}).empty()); // not the fleet's
    g.key = "c";
    BOOST_TEST(shared({.opened = {g}}).empty()); // no such key
    g = from("beta", "z");
    g.until = clock() + 24h;
    BOOST_TEST((shared({.opened = {g}}).at(0).open_for == 1min)); // max_open_for
    g = from("beta", "v");
    g.who = prefix(here, 24);
    BOOST_TEST(shared({.opened = {g}}).empty()); // the key has no prefix4
    world later(known(true, unix_time{seconds(epoch)}));
    BOOST_TEST(later.shared({.opened = {from("beta", "x")}}).empty()); // until
    world alone(known(false));
    BOOST_TEST(alone.shared({.opened = {from("beta", "x")}}).empty());
}

BOOST_AUTO_TEST_CASE(what_is_over_is_not_opened_whatever_is_told) {
    auto g = from("beta", "x");
    g.until = clock();
    BOOST_TEST(shared({.opened = {g}}).empty());
    g.until = clock() - 1s;
    BOOST_TEST(shared({.opened = {g}}).empty());
}

BOOST_AUTO_TEST_CASE(what_this_host_had_open_before_it_broke_down_is_opened_again) {
    const auto g = from("beta", "x");
    const std::vector<opened_grant> record{{"alice", "a", here, "web", g.accepted, g.until},
                                           {"alice", "a", there, "web", g.accepted, g.until},
                                           {"bob", "b", here, "web", g.accepted, g.until}};
    world again;
    again.line = pipeline(replay_guard({{"a", epoch, "x", here, g.accepted}}, {}), known());
    BOOST_TEST((again.line.remember(record, {}, again.now).over == std::vector{record[2]}));
    again.now += 5s;
    auto other = g;
    other.accepted -= 1s; // another knock's
    BOOST_TEST(again.shared({.opened = {other}}).empty());
    BOOST_TEST((again.shared({.opened = {g}, .whole = true}) == std::vector<opening>{{here, "web", 25s}}));
    BOOST_TEST((again.over == std::vector{record[1]}));
    BOOST_TEST(again.written.empty());
    BOOST_TEST(again.shared({.opened = {g}, .whole = true}).empty());
}

BOOST_AUTO_TEST_CASE(what_the_firewall_failed_to_open_is_tried_again) {
    opens = false;
    shared({.opened = {from("beta", "x")}});
    BOOST_TEST(!holds());
    BOOST_TEST(line.owes_opening());
    opens = true;
    now += 1s;
    BOOST_TEST((shared({}) == std::vector<opening>{{here, "web", 29s}}));
    BOOST_TEST(!line.owes_opening());
}

BOOST_AUTO_TEST_CASE(tokens_of_other_hosts_are_burnt_here) {
    const burnt b{"a", epoch + 50, "q", here, clock()};
    shared({.tokens = {b, {"b", epoch, "q", here, clock()}}});
    BOOST_TEST((written == std::vector{b}));
    BOOST_TEST(line.guard().is_burnt("a", epoch + 50, "q"));
    // The order of the key is the fleet's.
    const auto todo = line.judge(std::vector{knock("x")}, now, {clock(), 0s});
    BOOST_TEST(lines_of(todo).at(0).line.find("older than the newest") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_fleets_tokens_take_no_more_memory_than_its_own) {
    shared_changes many;
    for (std::size_t i = 0; i < most_of_key + 100; ++i)
        many.tokens.push_back({"a", epoch, std::to_string(i), here, clock()});
    shared(many);
    BOOST_TEST(line.guard().size() == most_of_key);
}

BOOST_AUTO_TEST_CASE(what_there_is_no_room_to_remember_is_opened_once) {
    shared_changes many;
    for (std::size_t i = 0; i < most_of_key; ++i)
        many.tokens.push_back({"a", epoch, std::to_string(i), there, clock()});
    shared(many);
    const auto g = from("beta", "x");
    const burnt of_g{"a", epoch, "x", here, g.accepted};
    BOOST_TEST(shared({.opened = {g}, .tokens = {of_g}}).size() == 1u);
    written.clear();
    BOOST_TEST(shared({.opened = {g}, .tokens = {of_g}, .whole = true}).empty());
    BOOST_TEST(written.empty()); // what is not remembered is not on the record either
    shared({.closed = {g}});
    line.revoked(ends.number, {}, now);
    BOOST_TEST(shared({.opened = {g}}).empty()); // put back
    now += 31s;
    line.prune(clock());
    BOOST_TEST(shared({.opened = {g}}).empty()); // and over
}

BOOST_AUTO_TEST_CASE(what_this_hosts_firewall_failed_to_open_for_its_own_knock_is_tried_again) {
    const auto r = judged("x");
    const auto asked = line.shared_redeemed(r.batch, {kind::burnt, ""}, now);
    line.carried_out(std::get<open_services>(asked.at(0)).knock, error{"no room"}, now);
    BOOST_TEST(!holds());
    BOOST_TEST(line.owes_opening());
    now += 1s;
    // The listing has it, too.
    auto g = from("alpha", "x");
    g.accepted -= 1s;
    g.until -= 1s;
    BOOST_TEST((shared({.opened = {g}, .whole = true}) == std::vector<opening>{{here, "web", 29s}}));
    BOOST_TEST(holds());
    BOOST_TEST(!line.owes_opening());
    world alone(known(false));
    const auto own = alone.judged("x");
    const auto opens_it = alone.line.redeemed(own.batch, {}, alone.now);
    alone.line.carried_out(std::get<open_services>(opens_it.at(0)).knock, error{"no room"}, alone.now);
    BOOST_TEST(!alone.line.owes_opening());
}

BOOST_AUTO_TEST_CASE(a_token_that_was_lost_is_written_down_once_it_is_heard_of) {
    const auto r = judged("x");
    line.shared_redeemed(r.batch, {kind::refused, "beta has it"}, now);
    shared({.tokens = {r.tokens[0]}}); // what it opens is nothing that is opened here
    BOOST_TEST((written == std::vector{r.tokens[0]}));
}

BOOST_AUTO_TEST_SUITE_END()

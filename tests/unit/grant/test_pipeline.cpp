// From a claim to its grant: burnt first, then opened, and tried again if either failed.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(pipeline)

BOOST_AUTO_TEST_CASE(burnt_first_and_then_opened) {
    world w;
    const auto c = w.of(0, 0);
    BOOST_TEST((w.judge({c}) == actions{w.asked_for(1, {c})}));
    w.now += 2ms;
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, both}}));
    w.now += 500us;
    BOOST_TEST((w.carried_out(2, fine) == actions{tell{severity::info, opens + " (2.50 ms)"},
                                                  noted(history_entry::kind::granted, c, "30s, 60s")}));
    BOOST_TEST(w.line.count().granted == 1u);
    BOOST_TEST(w.line.guard().knows(here));
    // Each answer counts once.
    BOOST_TEST(w.redeemed(1, fine).empty());
    BOOST_TEST(w.carried_out(2, fine).empty());
    BOOST_TEST(w.line.count().granted == 1u);
}

BOOST_AUTO_TEST_CASE(a_batch_is_redeemed_at_once_and_each_of_it_opened_by_itself) {
    world w;
    const std::vector batch{w.of(0, 0), w.of(0, 0, there), w.of(1, 0)};
    BOOST_TEST((w.judge(batch) == actions{w.asked_for(1, batch)}));
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, both},
                                               open_services{3, {{there, "ssh", 30s}, {there, "web", 60s}}},
                                               open_services{4, both}}));
    BOOST_TEST(w.carried_out(3, error{"no room"}).size() == 2u);
    BOOST_TEST(w.carried_out(4, fine).size() == 2u);
    BOOST_TEST(w.carried_out(2, fine).size() == 2u);
    BOOST_TEST(w.line.count().granted == 2u);
    BOOST_TEST(w.line.count().failed == 1u);
    BOOST_TEST(w.judge({}).empty());
}

BOOST_AUTO_TEST_CASE(when_the_store_fails_nothing_opens_and_it_may_be_tried_again) {
    world w;
    const auto c = w.of(0, 0);
    w.judge({c});
    BOOST_TEST((w.redeemed(1, full) == actions{tell{severity::error, opens + ": not opened: disk full"},
                                               noted(history_entry::kind::failed, c, "disk full")}));
    BOOST_TEST(w.line.count().failed == 1u);
    BOOST_TEST(!w.line.guard().knows(here));
    w.now = 1500ms;
    BOOST_TEST((w.judge({c}) == actions{w.asked_for(2, {c})}));
    BOOST_TEST((w.redeemed(2, fine) == actions{open_services{3, both}}));
}

BOOST_AUTO_TEST_CASE(when_the_firewall_fails_it_may_be_tried_again) {
    world w;
    const auto c = w.of(0, 0);
    w.judge({c});
    w.redeemed(1, fine);
    BOOST_TEST((w.carried_out(2, error{"no table"}) ==
                actions{tell{severity::error, opens + ": not opened: no table"},
                        noted(history_entry::kind::failed, c, "no table")}));
    BOOST_TEST(!w.line.guard().knows(here));
    BOOST_TEST((w.judge({c}) == actions{w.asked_for(3, {c})}));
    w.redeemed(3, fine);
    w.carried_out(4, fine);
    BOOST_TEST(w.line.count().failed == 1u);
    BOOST_TEST(w.line.count().granted == 1u);
}

BOOST_AUTO_TEST_CASE(a_knock_that_failed_does_not_make_the_next_one_wait_for_knock_delay) {
    for (const bool by_store : {true, false}) {
        world w;
        w.judge({w.of(1, 0)});
        const auto answer = w.redeemed(1, by_store ? full : fine);
        if (!by_store) w.carried_out(2, full);
        w.now = 11s;
        BOOST_TEST(w.judge({w.of(1, 10)}).size() == 1u);
        w.redeemed(by_store ? 2 : 3, fine);
        w.carried_out(by_store ? 3 : 4, fine);
        BOOST_TEST(w.line.count().granted == 1u);
        w.now = 25s;
        w.judge({w.of(1, 20)}); // and one that opened does
        BOOST_TEST(w.line.count().refused == 1u);
    }
}

BOOST_AUTO_TEST_CASE(two_copies_on_their_way_earn_one_grant) {
    world w;
    const auto c = w.of(0, 0);
    BOOST_TEST((w.judge({c, c}) == actions{w.asked_for(1, {c})}));
    w.now = 1800ms; // a store that is slow
    BOOST_TEST(w.judge({c}).empty());
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, both}}));
    BOOST_TEST(w.judge({c}).empty());
    BOOST_TEST(w.line.count().repeated == 3u);
    BOOST_TEST(w.line.count().refused == 0u);
    w.carried_out(2, fine);
    BOOST_TEST(w.judge({c}).size() == 2u); // a replay
    BOOST_TEST(w.line.count().granted == 1u);
    BOOST_TEST(w.line.count().refused == 1u);
}

BOOST_AUTO_TEST_CASE(a_refused_knock_is_told_and_noted_and_a_flood_of_them_once_a_minute) {
    world w;
    const auto c = w.of(0, -20);
    const std::string why = "outside its window: the clocks disagree, or it was held back";
    const std::string what = "key alice, window -20: " + why;
    BOOST_TEST((w.judge({c}) == actions{tell{severity::warning, "refused a knock from 192.0.2.1, " + what},
                                        noted(history_entry::kind::refused, c, why)}));
    for (int n = 0; n < 1000; ++n) BOOST_TEST(w.judge({c}).empty());
    BOOST_TEST(w.line.due(at(59s)).empty());
    BOOST_TEST((w.line.due(at(60s)) ==
                actions{tell{severity::warning, "refused 1000 more from 192.0.2.1, the latest " + what},
                        note{{clock_at(0s), history_entry::kind::refused, "", here, "",
                              "1000 more, the latest " + what}}}));
    BOOST_TEST(w.line.count().refused == 1001u);
}

BOOST_AUTO_TEST_CASE(of_many_knocks_of_a_key_their_number_is_told) {
    world w;
    std::uint64_t number = 1;
    int lines = 0;
    for (std::uint8_t n = 0; n < 100; ++n) {
        const std::uint8_t bytes[] = {10, 0, 0, n};
        w.judge({w.of(0, 0, address::v4(bytes))});
        w.redeemed(number++, fine);
        for (const auto& a : w.carried_out(number++, n % 2 == 0 ? fine : full))
            lines += std::holds_alternative<tell>(a);
    }
    BOOST_TEST(lines == 60);
    auto due = w.line.due(at(60s));
    std::erase_if(due, [](const action& a) { return std::holds_alternative<note>(a); }); // of what expired
    BOOST_TEST((due == actions{tell{severity::info, "key alice: 40 more knocks, opened or not"}}));
}

BOOST_AUTO_TEST_CASE(what_a_claim_asks_for_is_bounded_by_the_service) {
    world w;
    auto c = w.of(0, 0);
    c.services = {0, 1};
    c.open_for = 10min;
    w.judge({c});
    BOOST_TEST(
        (w.redeemed(1, fine) == actions{open_services{2, {{here, "ssh", 10min}, {here, "web", 60s}}}}));
}

BOOST_AUTO_TEST_CASE(an_unfit_claim_is_refused_and_told_and_burns_nothing) {
    world w;
    auto c = w.of(0, 0);
    c.unfit = "it asks for too much";
    BOOST_TEST((w.judge({c}) ==
                actions{tell{severity::warning, "refused a knock from 192.0.2.1, key alice, window 0: "
                                                "it asks for too much"},
                        noted(history_entry::kind::refused, c, "it asks for too much")}));
    BOOST_TEST(w.line.count().refused == 1u);
    c.unfit.clear();
    BOOST_TEST(w.judge({c}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_on_its_way_goes_on_through_a_change_of_terms) {
    world w;
    const auto c = w.of(0, 0);
    w.judge({c});
    w.line.set_terms({{{"carol", 0s}}, {{"mail", 5s, 5s}, {"web", 5s, 5s}, {"ssh", 5s, 5s}}});
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, both}}));
    // Nor does what the firewall has already been told wait for anything.
    w.line.set_terms({{{"carol", 0s}}, {{"mail", 5s, 5s}}});
    BOOST_TEST((w.carried_out(2, fine).front() == action{tell{severity::info, opens + " (0.00 ms)"}}));
}

BOOST_AUTO_TEST_CASE(what_is_on_its_way_to_a_service_that_has_changed_meanwhile_is_not_opened) {
    const std::vector<endpoint_range> other{*endpoint_range::parse("tcp/8443")};
    const terms changed[] = {
        {{{"alice", 0s}}, {{"ssh", 30s, 1h, other}, {"web", 60s, 60s}}},
        {{{"alice", 0s}}, {{"ssh", 30s, 1h, {}, 1}, {"web", 60s, 60s}}},
        {{{"alice", 0s}}, {{"web", 60s, 60s}}},
    };
    const std::string why = "the configuration of the service has changed meanwhile";
    for (const auto& t : changed) {
        world w;
        const auto c = w.of(0, 0);
        w.judge({c});
        const auto before = w.line.count().failed;
        w.line.set_terms(t);
        w.line.set_terms({{{"alice", 0s}}, {{"ssh", 30s, 1h}, {"web", 60s, 60s}}}); // and back
        BOOST_TEST((w.redeemed(1, fine) == actions{tell{severity::error, opens + ": not opened: " + why},
                                                   noted(history_entry::kind::failed, c, why)}));
        BOOST_TEST(w.line.count().failed == before + 1);
        // Its reservation is released: the same knock again counts.
        BOOST_TEST(std::holds_alternative<redeem>(w.judge({c}).front()));
    }
}

BOOST_AUTO_TEST_CASE(what_made_room_is_forgotten_once_the_new_is_burnt) {
    world w;
    std::uint64_t number = 0;
    const auto window = [&](std::int64_t t0, const result<void>& done) {
        w.now = seconds(t0);
        std::vector<claim> batch;
        for (std::uint32_t n = 0; n < most_in_window; ++n) {
            const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8),
                                          static_cast<std::uint8_t>(n)};
            batch.push_back(w.of(0, t0, address::v4(bytes)));
        }
        w.judge(batch);
        const auto said = w.redeemed(++number, done);
        for (const auto& a : said)
            if (std::holds_alternative<open_services>(a)) w.carried_out(++number, fine);
        return said;
    };
    for (int n = 0; n < 4; ++n) BOOST_TEST(window(10 * n, fine).size() == most_in_window);
    window(40, full); // what made room for it is not forgotten yet
    const auto said = window(50, fine);
    BOOST_REQUIRE(std::holds_alternative<forget>(said.back()));
    BOOST_TEST(std::get<forget>(said.back()).tokens.size() == 2 * most_in_window);
    BOOST_TEST(std::get<forget>(said.back()).tokens.front().place == epoch);
    BOOST_TEST(w.line.prune(clock_at(100s)).empty());
    const auto pruned = w.line.prune(clock_at(24h * 31));
    BOOST_REQUIRE(pruned.size() == 1u);
    BOOST_TEST(std::get<forget>(pruned.front()).tokens.size() == 2 * most_in_window);
}

BOOST_AUTO_TEST_SUITE_END()

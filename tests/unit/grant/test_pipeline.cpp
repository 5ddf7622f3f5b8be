#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
const auto here = *address::parse("192.0.2.1");
const auto there = *address::parse("192.0.2.2");

unix_time clock_at(nanoseconds since) { return unix_time{seconds(epoch)} + since; }
instant at(nanoseconds since) { return instant{since}; }

const std::vector<opening> both{{here, "ssh", 30s}, {here, "web", 60s}};

/// What happens to a pipeline whose answers come when the test says so.
struct world {
    granting::pipeline line{replay_guard({}, {}),
                            {{{"alice", 0s}, {"bob", 30s}}, {{"ssh", 30s, 1h}, {"web", 60s, 60s}}}};
    nanoseconds now{0};

    claim of(std::uint32_t key, std::int64_t t0, address who = here) const {
        claim c{};
        c.key = key;
        c.source = c.beneficiary = who;
        c.services = {0, 1};
        const unix_time begin{seconds(epoch + t0)};
        c.once = {key == 0 ? "a" : "b", epoch + t0, 10, 0, who.to_string(), false, {{begin, begin + 20s}}};
        c.first = at(now);
        c.description = "window " + std::to_string(t0);
        return c;
    }
    burnt burnt_of(const claim& c) const {
        return replay_guard::burnt_of(c.once, c.beneficiary, clock_at(now));
    }

    actions judge(const std::vector<claim>& claims) {
        return line.judge(claims, at(now), {clock_at(now), 0s});
    }
    actions redeemed(std::uint64_t n, const result<void>& done) { return line.redeemed(n, done, at(now)); }
    actions carried_out(std::uint64_t n, const result<void>& done) {
        return line.carried_out(n, done, at(now));
    }
    /// The whole way of a claim that opens.
    void open(const claim& c, const std::vector<opening>& asked = both) {
        judge({c});
        BOOST_TEST((redeemed(number, {}) == actions{open_services{number + 1, asked}}));
        carried_out(number + 1, {});
        number += 2;
    }
    std::uint64_t number = 1;
};

const std::string opens = "key alice opens ssh for 30s, web for 60s to 192.0.2.1, window 0";
const result<void> fine;
const result<void> full = error{"disk full"};

note noted(history_entry::kind kind, const claim& c, const std::string& why = "") {
    return {{clock_at(0s), kind, c.key == 0 ? "alice" : "bob", c.beneficiary, "ssh, web", why}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(pipeline)

BOOST_AUTO_TEST_CASE(burnt_first_and_then_opened) {
    world w;
    const auto c = w.of(0, 0);
    const auto burnt = w.burnt_of(c);
    BOOST_TEST((w.judge({c}) == actions{redeem{1, {burnt}}}));
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
    BOOST_TEST((w.judge(batch) ==
                actions{redeem{1, {w.burnt_of(batch[0]), w.burnt_of(batch[1]), w.burnt_of(batch[2])}}}));
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
    BOOST_TEST((w.judge({c}) == actions{redeem{2, {w.burnt_of(c)}}}));
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
    BOOST_TEST((w.judge({c}) == actions{redeem{3, {w.burnt_of(c)}}}));
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
    BOOST_TEST((w.judge({c, c}) == actions{redeem{1, {w.burnt_of(c)}}}));
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

BOOST_AUTO_TEST_CASE(a_claim_that_closes_is_burnt_as_well) {
    for (const bool works : {true, false}) {
        world w;
        w.open(w.of(0, 0));
        auto c = w.of(0, -1);
        c.what = claim::wish::close;
        BOOST_TEST((w.judge({c}) == actions{redeem{3, {w.burnt_of(c)}}}));
        BOOST_TEST((w.redeemed(3, fine) == actions{close_services{4, here, {{"ssh", {}}, {"web", {}}}}}));
        const std::string closes = "key alice closes ssh, web to 192.0.2.1, window -1";
        const auto said = w.carried_out(4, works ? fine : full);
        BOOST_TEST((said == (works ? actions{tell{severity::info, closes + " (0.00 ms)"},
                                             noted(history_entry::kind::revoked, c)}
                                   : actions{tell{severity::error, closes + ": not closed: disk full"},
                                             noted(history_entry::kind::failed, c, "disk full")})));
        BOOST_TEST(w.line.due(at(1h)).size() == (works ? 0u : 2u)); // what is closed does not expire
    }
}

BOOST_AUTO_TEST_CASE(a_key_closes_nothing_of_another_key) {
    world w;
    w.open(w.of(1, 0));
    auto c = w.of(0, 0);
    c.what = claim::wish::close;
    w.judge({c});
    const auto said = w.redeemed(3, fine);
    BOOST_REQUIRE(said.size() == 1u); // nothing for the firewall, nothing for the history
    BOOST_TEST(std::get<tell>(said[0]).line ==
               "key alice closes ssh, web to 192.0.2.1, window 0, which had none of it open (0.00 ms)");
    BOOST_TEST(!w.line.guard().knows(there));
    BOOST_TEST(w.judge({c}).empty()); // it is burnt all the same
    BOOST_TEST(w.line.count().repeated == 1u);
}

BOOST_AUTO_TEST_CASE(what_another_key_holds_as_well_stays_open_for_that) {
    world w;
    w.open(w.of(1, 0)); // bob's: ssh for 30s, web for 60s
    w.now = 1s;
    auto opens = w.of(0, 1);
    opens.open_for = 10min; // as far as the services go: ssh for 10 min, web for 60s
    w.open(opens, {{here, "ssh", 10min}, {here, "web", 60s}});
    w.now = 11s;
    auto c = w.of(0, 11);
    c.what = claim::wish::close;
    w.judge({c});
    BOOST_TEST((w.redeemed(5, fine) == actions{close_services{6, here, {{"ssh", 19s}, {"web", 49s}}}}));
    w.carried_out(6, fine);
    // And each end is the history's by its own key.
    w.now = 30s;
    BOOST_TEST((w.line.due(at(30s)) ==
                actions{note{{clock_at(30s), history_entry::kind::expired, "bob", here, "ssh", ""}}}));
    // Bob's close ends the rest.
    w.now = 31s;
    auto last = w.of(1, 31);
    last.what = claim::wish::close;
    w.judge({last});
    BOOST_TEST((w.redeemed(7, fine) == actions{close_services{8, here, {{"web", {}}}}}));
}

BOOST_AUTO_TEST_CASE(a_shorter_grant_does_not_cut_short_that_of_another_key) {
    world w;
    auto c = w.of(1, 0);
    c.open_for = 10min;
    w.open(c, {{here, "ssh", 10min}, {here, "web", 60s}});
    w.now = 10s;
    w.open(w.of(0, 10), {{here, "ssh", 590s}, {here, "web", 60s}});
    w.now = 20s;
    w.open(w.of(0, 20), {{here, "ssh", 580s}, {here, "web", 60s}});
    w.open(w.of(0, 20, there), {{there, "ssh", 30s}, {there, "web", 60s}});
}

BOOST_AUTO_TEST_CASE(what_could_not_be_opened_is_not_held) {
    world w;
    w.open(w.of(0, 0));
    w.now = 1s;
    w.judge({w.of(0, 1)});
    w.redeemed(3, fine);
    w.carried_out(4, full); // the one before goes on
    w.judge({w.of(1, 1)});
    w.redeemed(5, fine);
    w.carried_out(6, full); // and of bob's there is none
    w.now = 2s;
    auto c = w.of(0, 2);
    c.what = claim::wish::close;
    w.judge({c});
    BOOST_TEST((w.redeemed(7, fine) == actions{close_services{8, here, {{"ssh", {}}, {"web", {}}}}}));
}

BOOST_AUTO_TEST_CASE(what_was_opened_before_a_restart_is_its_keys_yet) {
    using enum history_entry::kind;
    const std::vector<history_entry> history{
        // the newest first
        {clock_at(-1s), granted, "alice", there, "ssh, web", "30s, 60s"},
        {clock_at(-2s), refused, "alice", here, "ssh", "a replay"},
        {clock_at(-3s), revoked, "alice", here, "web", ""},
        {clock_at(-10s), granted, "bob", here, "ssh", "15s"},
        {clock_at(-10s), granted, "alice", here, "ssh, web", "30s, 60s"},
        {clock_at(-40s), granted, "bob", there, "ssh", "30s"}, // its time was over
        {clock_at(-41s), granted, "carol", std::nullopt, "ssh", "1h"},
        {clock_at(-42s), granted, "alice", here, "ssh", ""}, // by a version that did not write it down
    };
    const std::vector<firewall::live_grant> open{{here, "ssh", 20s}, {here, "web", 50s}, {there, "ssh", 5s}};
    world w;
    w.line.remember(history, open, at(0s));
    w.now = 1s;
    const auto close = [&](address who) {
        auto c = w.of(0, 1, who);
        c.what = claim::wish::close;
        w.judge({c});
    };
    close(here); // bob's ends 5 s after the start, a second of which is over; web was closed
    BOOST_TEST((w.redeemed(1, fine) == actions{close_services{2, here, {{"ssh", 4s}}}}));
    w.carried_out(2, fine);
    close(there); // web is not open there
    BOOST_TEST((w.redeemed(3, fine) == actions{close_services{4, there, {{"ssh", {}}}}}));
}

BOOST_AUTO_TEST_CASE(what_a_service_no_longer_is_nobody_holds) {
    world w;
    w.open(w.of(0, 0));
    w.line.set_terms({{{"alice", 0s}}, {{"ssh", 30s, 1h, {}, 1}, {"web", 60s, 60s}}});
    auto c = w.of(0, -1);
    c.what = claim::wish::close;
    w.judge({c});
    BOOST_TEST((w.redeemed(3, fine) == actions{close_services{4, here, {{"web", {}}}}}));
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

BOOST_AUTO_TEST_CASE(a_grant_whose_time_is_over_is_noted) {
    world w;
    const auto expired = [](nanoseconds end, const address& who, const std::string& services) {
        return note{{clock_at(end), history_entry::kind::expired, "alice", who, services, ""}};
    };
    w.judge({w.of(0, 0), w.of(0, 0, there)});
    w.redeemed(1, fine);
    w.now = 1s; // the firewall took its time
    w.carried_out(2, fine);
    w.carried_out(3, full);
    BOOST_TEST(w.line.due(at(31s - 1ns)).empty());
    BOOST_TEST((w.line.due(at(31s)) == actions{expired(30s, here, "ssh")}));
    BOOST_TEST((w.line.due(at(61s)) == actions{expired(60s, here, "web")}));
    BOOST_TEST(w.line.due(at(1h)).empty()); // what failed was never open
}

BOOST_AUTO_TEST_CASE(a_grant_that_is_renewed_ends_once_and_one_that_is_closed_does_not_expire) {
    world w;
    w.judge({w.of(0, 0)});
    w.redeemed(1, fine);
    w.carried_out(2, fine);
    w.now = 10s;
    auto renewed = w.of(0, 10);
    renewed.services = {0};
    renewed.open_for = 60s;
    w.judge({renewed});
    w.redeemed(3, fine);
    w.carried_out(4, fine);
    BOOST_TEST(w.line.due(at(59s)).empty());
    w.now = 20s;
    auto closes = w.of(0, 20);
    closes.what = claim::wish::close;
    closes.services = {1};
    w.judge({closes});
    w.redeemed(5, fine);
    w.carried_out(6, fine);
    BOOST_TEST((w.line.due(at(1h)) ==
                actions{note{{clock_at(70s), history_entry::kind::expired, "alice", here, "ssh", ""}}}));
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

// What closes again: by a claim, by its time; and which key holds what.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(pipeline)

BOOST_AUTO_TEST_CASE(a_claim_that_closes_is_burnt_as_well) {
    for (const bool works : {true, false}) {
        world w;
        w.open(w.of(0, 0));
        auto c = w.of(0, -1);
        c.what = claim::wish::close;
        BOOST_TEST((w.judge({c}) == actions{redeem{3, {w.burnt_of(c)}}}));
        BOOST_TEST(
            (w.redeemed(3, fine) == actions{close_services{4, {{here, "ssh", {}}, {here, "web", {}}}}}));
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
    BOOST_TEST((w.redeemed(5, fine) == actions{close_services{6, {{here, "ssh", 19s}, {here, "web", 49s}}}}));
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
    BOOST_TEST((w.redeemed(7, fine) == actions{close_services{8, {{here, "web", {}}}}}));
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
    BOOST_TEST((w.redeemed(7, fine) == actions{close_services{8, {{here, "ssh", {}}, {here, "web", {}}}}}));
}

BOOST_AUTO_TEST_CASE(what_was_opened_before_a_restart_is_its_keys_yet) {
    const auto opened = [](nanoseconds at, const char* key, address who, const char* service,
                           nanoseconds open_for) {
        return opened_grant{key, "", who, service, clock_at(at), clock_at(at) + open_for};
    };
    const std::vector record{opened(-40s, "bob", there, "ssh", 30s), // its time was over
                             opened(-10s, "alice", here, "ssh", 30s), opened(-10s, "bob", here, "ssh", 15s),
                             opened(-1s, "alice", there, "ssh", 30s),
                             opened(-1s, "alice", there, "web", 60s)};
    const std::vector<firewall::live_grant> open{{here, "ssh", 20s}, {here, "web", 50s}, {there, "ssh", 5s}};
    world w;
    const auto recalled = w.line.remember(record, open, at(0s));
    BOOST_TEST((recalled.over == std::vector{record.back()})); // web is not open there
    BOOST_TEST(recalled.unexplained == 1u);                    // here it is, and nobody's
    w.now = 1s;
    const auto close = [&](address who) {
        auto c = w.of(0, 1, who);
        c.what = claim::wish::close;
        w.judge({c});
    };
    close(here); // bob's ends 5 s after the start, a second of which is over; web is not hers
    BOOST_TEST((w.redeemed(1, fine) == actions{close_services{2, {{here, "ssh", 4s}}}}));
    w.carried_out(2, fine);
    close(there); // web is not open there
    BOOST_TEST((w.redeemed(3, fine) == actions{close_services{4, {{there, "ssh", {}}}}}));
}

BOOST_AUTO_TEST_CASE(what_a_service_no_longer_is_nobody_holds) {
    world w;
    w.open(w.of(0, 0));
    w.line.set_terms({{{"alice", 0s}}, {{"ssh", 30s, 1h, {}, 1}, {"web", 60s, 60s}}});
    auto c = w.of(0, -1);
    c.what = claim::wish::close;
    w.judge({c});
    BOOST_TEST((w.redeemed(3, fine) == actions{close_services{4, {{here, "web", {}}}}}));
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

BOOST_AUTO_TEST_SUITE_END()

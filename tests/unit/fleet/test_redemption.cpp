// One token, one host, whatever the others do and whichever answers are lost.
#include "lab.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace chronoknock;
using namespace chronoknock::fleet;
using kind = granting::shared_outcome::kind;

BOOST_AUTO_TEST_SUITE(one_redemption)

BOOST_AUTO_TEST_CASE(a_token_is_burnt_once) {
    const seal s("/t", secret);
    store etcd;
    auto first = redeems(s, token(100), "a");
    BOOST_TEST((run(first, etcd).is == kind::burnt));
    BOOST_TEST(etcd.count("/burnt/") == 1u);
    BOOST_TEST(etcd.count("/grant/") == 1u);
    auto copy = redeems(s, token(100), "b", 2);
    BOOST_TEST((run(copy, etcd).is == kind::refused));
    BOOST_TEST(copy.outcome().why.find("a, of the fleet, has taken it") != std::string::npos);
    auto again = redeems(s, token(100), "a", 3);
    BOOST_TEST((run(again, etcd).is == kind::refused));
    auto other = redeems(s, token(100, "y"), "b", 4);
    BOOST_TEST((run(other, etcd).is == kind::burnt));
}

BOOST_AUTO_TEST_CASE(a_copy_at_another_host_a_moment_later_is_a_round) {
    const seal s("/t", secret);
    store etcd;
    auto first = redeems(s, token(100), "a");
    run(first, etcd);
    auto copy = redeems(s, token(100), "b", 2);
    BOOST_TEST((run(copy, etcd, noon + 500ms).is == kind::repeated));
}

BOOST_AUTO_TEST_CASE(a_lost_answer_is_found_to_be_its_own) {
    const seal s("/t", secret);
    store etcd;
    auto r = redeems(s, token(100), "a");
    const auto sent = r.request({1, 2});
    etcd.apply(sent); // and nobody hears of it
    BOOST_TEST((run(r, etcd).is == kind::burnt));
    BOOST_TEST(etcd.revision == 2);
    BOOST_TEST(r.revision() == 2);
}

BOOST_AUTO_TEST_CASE(the_order_of_a_key_goes_never_back) {
    const seal s("/t", secret);
    store etcd;
    auto newest = redeems(s, token(200), "a");
    run(newest, etcd);
    auto within = redeems(s, token(190), "b", 2);
    BOOST_TEST((run(within, etcd).is == kind::burnt));
    auto older = redeems(s, token(189), "b", 3);
    BOOST_TEST((run(older, etcd).is == kind::refused));
    auto of_another = redeems(s, token(1, "x", "L"), "b", 4);
    BOOST_TEST((run(of_another, etcd).is == kind::burnt));
}

BOOST_AUTO_TEST_CASE(what_was_seen_of_the_order_lets_no_older_knock_pass) {
    const seal s("/t", secret);
    store etcd;
    auto newest = redeems(s, token(200), "a");
    run(newest, etcd);
    auto older = redeems(s, token(100), "b", 2);
    BOOST_TEST((run(older, etcd).is == kind::refused));
    BOOST_TEST(older.top().place == 200);
    auto as_old = redeems(s, token(101), "b", 3, older.top());
    BOOST_TEST((run(as_old, etcd).is == kind::refused));
    BOOST_TEST(etcd.count("/grant/") == 1u);
    auto within = redeems(s, token(190), "b", 4, as_old.top());
    BOOST_TEST((run(within, etcd).is == kind::burnt));
    BOOST_TEST(s.open_top(s.name_of_top("K"), etcd.entries[s.name_of_top("K")].value)->place == 200);
}

BOOST_AUTO_TEST_CASE(what_the_order_refuses_is_not_remembered_besides) {
    const seal s("/t", secret);
    store etcd;
    for (std::int64_t place = 0; place < 1000; place += 10) {
        auto r = redeems(s, token(place), "a");
        BOOST_TEST((run(r, etcd).is == kind::burnt));
    }
    BOOST_TEST(etcd.count("/burnt/") == 2u); // the newest, and what is no older than the slack
    BOOST_TEST(etcd.count("/top/") == 1u);
    auto negative = redeems(s, token(-1'000'000), "a");
    BOOST_TEST((run(negative, etcd).is == kind::refused));
}

BOOST_AUTO_TEST_CASE(a_forged_top_is_written_over_and_a_forged_token_refuses) {
    const seal s("/t", secret);
    store etcd;
    etcd.apply({{}, {put{s.name_of_top("K"), "rubbish"}}, {}});
    auto r = redeems(s, token(100), "a");
    BOOST_TEST((run(r, etcd).is == kind::burnt));
    BOOST_TEST(r.met_forged());
    BOOST_TEST(s.open_top(s.name_of_top("K"), etcd.entries[s.name_of_top("K")].value)->place == 100);
    etcd.apply({{}, {put{s.name_of(token(101)), "rubbish"}}, {}});
    auto kept_out = redeems(s, token(101), "a");
    BOOST_TEST((run(kept_out, etcd).is == kind::refused));
}

BOOST_AUTO_TEST_CASE(a_close_ends_grants_in_the_same_transaction) {
    const seal s("/t", secret);
    store etcd;
    auto r = redeems(s, token(100), "a");
    run(r, etcd);
    redemption::order o;
    o.token = token(101);
    o.slack = 10;
    o.closes = {s.name_of_grant("K", here, "web")};
    o.host = "b";
    redemption close(s, std::move(o), {});
    BOOST_TEST((run(close, etcd).is == kind::burnt));
    BOOST_TEST(etcd.count("/grant/") == 0u);
}

// Hosts, each with a queue of knocks in their order, step by step at random; a third of all answers is lost.
BOOST_AUTO_TEST_CASE(whatever_happens_between_no_token_is_taken_twice) {
    const seal s("/t", secret);
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        store etcd;
        std::vector<redemption> running;
        std::uint8_t attempt = 0;
        for (const std::string host : {"a", "b", "c"})
            for (std::int64_t place = 100; place < 160; place += 10)
                for (const std::string identity : {"x", "y"})
                    running.push_back(redeems(s, token(place, identity), host, ++attempt));
        std::map<std::pair<std::int64_t, std::string>, int> taken;
        std::int64_t newest = 0;
        while (!running.empty()) {
            const auto one = random() % running.size();
            auto& r = running[one];
            const auto answer = etcd.apply(r.request({1, 2}));
            if (answer.succeeded) {
                const auto& b = r.what().token;
                ++taken[{b.place, b.identity}];
                BOOST_TEST(b.place >= newest - 10);
                newest = std::max(newest, b.place);
            }
            if (random() % 3 == 0) continue; // lost
            if (r.answered(answer, noon + 5s) == redemption::step::again) continue;
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(one));
        }
        for (const auto& [which, times] : taken) BOOST_TEST(times == 1);
        BOOST_TEST(newest == 150);
    }
}

BOOST_AUTO_TEST_SUITE_END()

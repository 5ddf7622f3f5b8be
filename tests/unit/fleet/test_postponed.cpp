// What was accepted while the cluster was lost, and how it comes to the fleet.
#include "lab.hpp"

#include "fleet/postponed.hpp"

using namespace chronoknock;
using namespace chronoknock::fleet;

namespace {

constexpr attempt_id first_attempt{1}, second_attempt{2};

order opens(std::int64_t place, const std::string& service = "web", nanoseconds open_for = 30s) {
    order o{token(place), {{"alice", "K", here, service, noon, noon + open_for}}, {}};
    o.claim.key_name = "alice";
    return o;
}

order ends(std::int64_t place, const std::string& service = "web") {
    order o{token(place), {}, {}};
    o.claim.closes = {{here, service}};
    return o;
}

bool any(const granting::shared_grant&) { return true; }

} // namespace

BOOST_AUTO_TEST_SUITE(postponing)

BOOST_AUTO_TEST_CASE(they_come_in_their_order_and_what_failed_comes_again) {
    const seal s("/t", secret);
    postponed p("a");
    p.add(opens(100));
    p.add(opens(101));
    auto now = p.begin(noon, first_attempt);
    BOOST_TEST(now.what.token.place == 100);
    p.failed();
    now = p.begin(noon, second_attempt);
    BOOST_TEST(now.what.token.place == 100);
    BOOST_TEST((now.attempt == first_attempt)); // a lost answer of the first try is known by it
    BOOST_TEST(p.done(s, 7).empty());
    now = p.begin(noon, second_attempt);
    BOOST_TEST(now.what.token.place == 101);
    BOOST_TEST((now.attempt == second_attempt));
    p.done(s, 8);
    BOOST_TEST(p.empty());
}

BOOST_AUTO_TEST_CASE(what_is_over_opens_nothing_and_is_burnt_all_the_same) {
    postponed p("a");
    auto o = opens(100);
    o.grants.push_back({"alice", "K", here, "ssh", noon, unix_time::max()}); // while it is used
    o.claim.longest = 60s;
    p.add(std::move(o));
    BOOST_TEST(p.begin(noon + 29s, first_attempt).what.grants.size() == 2u);
    p.failed();
    BOOST_TEST(p.begin(noon + 30s, first_attempt).what.grants.size() == 1u);
    p.failed();
    BOOST_TEST(p.begin(noon + 60s, first_attempt).what.grants.empty());
    BOOST_TEST(p.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_revoked_before_opens_nowhere) {
    const seal s("/t", secret);
    postponed p("a");
    p.add(opens(100, "web"));
    p.add(opens(101, "ssh"));
    p.end([](const granting::shared_grant& g) { return g.service == "web" && g.host == "a"; });
    BOOST_TEST(p.begin(noon, first_attempt).what.grants.empty());
    BOOST_TEST(p.done(s, 7).empty()); // it was never sent
    BOOST_TEST(p.begin(noon, second_attempt).what.grants.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_revoked_on_its_way_is_erased) {
    const seal s("/t", secret);
    for (const bool is_answered : {true, false}) {
        store etcd;
        postponed p("a");
        p.add(opens(100));
        const auto sent = [&](const postponed::try_of& one) {
            redemption::order o;
            o.token = one.what.token;
            o.host = "a";
            o.attempt = one.attempt;
            for (const auto& g : one.what.grants) o.grants.push_back(shared_grant_of(one.what, g, "a"));
            return redemption(s, std::move(o), {});
        };
        auto r = sent(p.begin(noon, first_attempt));
        const auto answer = etcd.apply(r.request({1, 2}));
        p.end(any);
        if (is_answered) {
            r.answered(answer, noon);
        } else {
            p.failed();
            auto again = p.begin(noon, second_attempt);
            BOOST_TEST(again.what.grants.empty());
            r = sent(again);
            run(r, etcd);
        }
        const auto to_erase = p.done(s, r.revision());
        BOOST_REQUIRE(to_erase.size() == 1u);
        const auto& e = etcd.entries.at(to_erase.front().name);
        BOOST_TEST(e.changed == to_erase.front().revision);
        BOOST_TEST((s.open_grant(to_erase.front().name, e.value) == to_erase.front().grant));
    }
}

BOOST_AUTO_TEST_CASE(a_close_comes_after_what_it_closes) {
    postponed p("a");
    p.add(opens(100, "web"));
    p.add(opens(101, "ssh"));
    p.add(ends(102, "web"));
    BOOST_TEST(p.size() == 3u); // its token is burnt
    const seal s("/t", secret);
    BOOST_TEST(p.begin(noon, first_attempt).what.grants.empty());
    p.done(s, 7);
    BOOST_TEST(p.begin(noon, first_attempt).what.grants.size() == 1u);
    p.done(s, 8);
    BOOST_TEST(p.begin(noon, first_attempt).what.claim.closes.size() == 1u);
}

BOOST_AUTO_TEST_CASE(they_are_bounded_and_the_one_on_its_way_stays) {
    const seal s("/t", secret);
    postponed p("a");
    p.add(opens(0));
    p.begin(noon, first_attempt);
    for (std::size_t i = 1; i <= postponed::most; ++i) p.add(opens(static_cast<std::int64_t>(i)));
    BOOST_TEST(p.size() == postponed::most);
    p.end(any);
    const auto to_erase = p.done(s, 7);
    BOOST_REQUIRE(to_erase.size() == 1u);
    BOOST_TEST(to_erase.front().grant.place == 0);
    BOOST_TEST(p.begin(noon, first_attempt).what.token.place == 2);
}

BOOST_AUTO_TEST_SUITE_END()

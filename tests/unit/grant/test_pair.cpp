// A knock for an address of each family: both open, both are the history's, and both close.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

const auto v6 = *address::parse("2001:db8::7");
const std::vector<opening> all_four{
    {here, "ssh", 30s}, {here, "web", 60s}, {v6, "ssh", 30s}, {v6, "web", 60s}};

claim pair_of(const world& w, std::int64_t t0) {
    auto c = w.of(0, t0);
    c.paired = v6;
    return c;
}

note noted_for(const address& who, history_entry::kind kind, unix_time when, const std::string& why = "") {
    return {{when, kind, "alice", who, "ssh, web", why}};
}

using enum history_entry::kind;

} // namespace

BOOST_AUTO_TEST_SUITE(pair)

BOOST_AUTO_TEST_CASE(one_token_opens_for_both) {
    world w;
    const auto c = pair_of(w, 0);
    const auto asked = w.judge({c});
    BOOST_REQUIRE(asked.size() == 1u);
    const auto& r = std::get<redeem>(asked[0]);
    BOOST_TEST((r.tokens == std::vector{w.burnt_of(c)})); // it is the source's
    BOOST_TEST(
        (r.grants == std::vector<opened_grant>{{"alice", "", here, "ssh", clock_at(0s), clock_at(30s)},
                                               {"alice", "", here, "web", clock_at(0s), clock_at(60s)},
                                               {"alice", "", v6, "ssh", clock_at(0s), clock_at(30s)},
                                               {"alice", "", v6, "web", clock_at(0s), clock_at(60s)}}));
    BOOST_TEST((w.redeemed(1, fine) == actions{open_services{2, all_four}}));
    BOOST_TEST((w.carried_out(2, fine) ==
                actions{tell{severity::info, "key alice opens ssh for 30s, web for 60s to 192.0.2.1 and "
                                             "2001:db8::7, window 0 (0.00 ms)"},
                        noted_for(here, granted, clock_at(0s), "30s, 60s"),
                        noted_for(v6, granted, clock_at(0s), "30s, 60s")}));
    BOOST_TEST(w.line.count().granted == 1u);
    BOOST_TEST((w.line.keys_of(v6, "web", at(0s)) == std::vector<std::string>{"alice"}));
    // A copy earns nothing, for whomever.
    w.now = 2s;
    w.judge({c});
    BOOST_TEST(w.line.count().refused == 1u);
    BOOST_TEST((w.line.due(at(60s)).size() == 4u)); // each ends by itself: ssh and web of both
}

BOOST_AUTO_TEST_CASE(it_closes_for_both_what_the_key_has_open) {
    world w;
    w.open(pair_of(w, 0), all_four);
    w.open(w.of(1, 0, v6), {{v6, "ssh", 30s}, {v6, "web", 60s}}); // bob's
    w.now = 1s;
    auto c = pair_of(w, 1);
    c.what = claim::wish::close;
    w.judge({c});
    BOOST_TEST((w.redeemed(5, fine) ==
                actions{close_services{
                    6, {{here, "ssh", {}}, {here, "web", {}}, {v6, "ssh", 29s}, {v6, "web", 59s}}}}));
    BOOST_TEST((w.carried_out(6, fine) ==
                actions{tell{severity::info,
                             "key alice closes ssh, web to 192.0.2.1 and 2001:db8::7, window 1 (0.00 ms)"},
                        noted_for(here, revoked, clock_at(1s)), noted_for(v6, revoked, clock_at(1s))}));
}

BOOST_AUTO_TEST_CASE(what_fails_fails_for_both) {
    world w;
    w.judge({pair_of(w, 0)});
    const auto said = w.redeemed(1, full);
    BOOST_REQUIRE(said.size() == 3u);
    BOOST_TEST((said[1] == action{noted_for(here, failed, clock_at(0s), "disk full")}));
    BOOST_TEST((said[2] == action{noted_for(v6, failed, clock_at(0s), "disk full")}));
}

BOOST_AUTO_TEST_CASE(who_revokes_one_of_them_on_its_way_stops_both) {
    world w;
    w.judge({pair_of(w, 0)});
    BOOST_TEST(w.line.revoke({"", v6, "why"}, {}, at(w.now), clock_at(w.now)).coming == 1u);
    const auto said = w.redeemed(1, fine);
    BOOST_REQUIRE(said.size() == 3u);
    BOOST_TEST((said[2] == action{noted_for(v6, revoked, clock_at(0s), "on its way, why")}));
}

BOOST_AUTO_TEST_CASE(each_of_them_can_be_revoked_by_itself) {
    world w;
    w.open(pair_of(w, 0), all_four);
    const auto r = w.line.revoke({"", v6, "why"}, {}, at(w.now), clock_at(w.now));
    BOOST_TEST((r.changes == std::vector<firewall::change>{{v6, "ssh", {}}, {v6, "web", {}}}));
}

BOOST_AUTO_TEST_SUITE_END()

// How many grants a key may have at once. A knock that would be one more is burnt, and opens nothing.
#include "pipeline_lab.hpp"

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

const auto third = *address::parse("2001:db8::3");

/// Alice may have so many, bob any number.
terms with_most(std::uint32_t most) {
    return {{{"alice", 0s, "a", {0, 1}, {}, most}, {"bob", 0s, "b", {0, 1}}},
            {{"ssh", 30s, 1h}, {"web", 60s, 60s}}};
}

world limited(std::uint32_t most) {
    world w;
    w.line.set_terms(with_most(most));
    return w;
}

/// Why a claim that is judged now is refused ("again": an address's next refusal is not told); empty: it is
/// not.
std::string refusal(world& w, const claim& c) {
    const auto before = w.line.count().refused;
    for (const auto& a : w.judge({c}))
        if (const auto* n = std::get_if<note>(&a)) return n->entry.why;
    return w.line.count().refused == before ? "" : "again";
}

std::vector<opening> both_to(const address& who) { return {{who, "ssh", 30s}, {who, "web", 60s}}; }

} // namespace

BOOST_AUTO_TEST_SUITE(max_grants)

BOOST_AUTO_TEST_CASE(one_more_is_refused_and_used_up) {
    auto w = limited(4);
    w.open(w.of(0, 0));
    w.open(w.of(0, 0, there), both_to(there));
    const auto more = w.of(0, 0, third);
    const auto said = w.judge({more});
    BOOST_REQUIRE(said.size() == 3u);
    BOOST_TEST(std::get<tell>(said[0]).line ==
               "refused a knock from 2001:db8::3, key alice, window 0: its key "
               "has 4 grants, and max_grants is 4");
    BOOST_TEST((std::get<note>(said[1]).entry == history_entry{clock_at(0s), history_entry::kind::refused,
                                                               "alice", third, "ssh, web",
                                                               "its key has 4 grants, and max_grants is 4"}));
    BOOST_TEST(w.line.count().refused == 1u);
    BOOST_TEST((std::get<redeem>(said[2]) == redeem{w.number, {w.burnt_of(more)}}));
    BOOST_TEST(w.redeemed(w.number++, fine).empty());
    // Ssh is over for both: two of web are left.
    w.now = 30s;
    w.open(w.of(0, 15, third), both_to(third));
}

BOOST_AUTO_TEST_CASE(whoever_saw_a_refused_one_cannot_use_it_from_elsewhere) {
    auto w = limited(2);
    w.open(w.of(0, 0));
    auto pad = w.of(0, 1, there);
    pad.once.good = {}; // a one-time password: for whoever sends it, at any time
    pad.once.identity = "pad";
    BOOST_TEST(refusal(w, pad) == "its key has 2 grants, and max_grants is 2");
    BOOST_TEST(refusal(w, pad).empty()); // its later rounds are no news
    BOOST_TEST(w.line.count().repeated == 1u);
    BOOST_TEST(w.redeemed(w.number++, fine).empty());
    w.now = 90s; // all is over
    auto copy = pad;
    copy.source = copy.beneficiary = third;
    BOOST_TEST(refusal(w, copy) == "a replay");
    // Knock_delay does not count from what has opened nothing.
    auto t = with_most(2);
    t.keys[0].knock_delay = 1h;
    w.line.set_terms(t);
    BOOST_TEST(refusal(w, w.of(0, 90, there)).empty());
}

BOOST_AUTO_TEST_CASE(one_that_could_not_be_burnt_may_be_tried_again) {
    auto w = limited(2);
    w.open(w.of(0, 0));
    const auto more = w.of(0, 0, there);
    w.judge({more});
    BOOST_TEST(w.redeemed(w.number++, full).empty());
    BOOST_TEST(w.line.count().failed == 0u);
    const auto r = w.line.revoke({"alice", {}, "why"}, {}, at(w.now), clock_at(w.now));
    w.line.revoked(r.number, fine, at(w.now));
    BOOST_TEST(refusal(w, more).empty());
}

BOOST_AUTO_TEST_CASE(of_one_that_never_changes_nothing_is_burnt) {
    auto w = limited(2);
    w.open(w.of(0, 0));
    auto more = w.of(0, 0, there);
    more.once.reusable = true;
    BOOST_TEST(w.judge({more}).size() == 2u);
    BOOST_TEST(refusal(w, more) != ""); // it is refused as often as it comes
}

BOOST_AUTO_TEST_CASE(one_that_comes_too_soon_is_used_up_if_it_may_open_for_others) {
    world w;
    auto t = with_most(0);
    t.keys[1].knock_delay = 30s;
    t.keys[1].bound = false;
    w.line.set_terms(t);
    w.open(w.of(1, 0));
    w.now = 1s;
    auto pad = w.of(1, 1);
    pad.once.identity = "pad";
    const auto said = w.judge({pad});
    BOOST_REQUIRE(said.size() == 3u);
    BOOST_TEST((std::get<redeem>(said[2]) == redeem{w.number, {w.burnt_of(pad)}}));
    BOOST_TEST(w.redeemed(w.number++, fine).empty());
    auto copy = pad;
    copy.source = copy.beneficiary = third;
    w.now = 2s;
    BOOST_TEST(refusal(w, copy) == "a replay");
    w.now = 31s; // the delay counts from the one that opened
    w.open(w.of(1, 25));
}

BOOST_AUTO_TEST_CASE(another_keys_grants_do_not_count) {
    auto w = limited(2);
    w.open(w.of(1, 0, there), both_to(there));
    w.open(w.of(1, 0, third), both_to(third));
    w.open(w.of(0, 0));
    BOOST_TEST(refusal(w, w.of(0, 0, there)) == "its key has 2 grants, and max_grants is 2");
    BOOST_TEST(refusal(w, w.of(1, 0)).empty());
}

BOOST_AUTO_TEST_CASE(what_renews_a_grant_is_no_more_of_them) {
    auto w = limited(2);
    w.open(w.of(0, 0));
    w.now = 5s;
    w.open(w.of(0, 5));
    // Nor is a later round of it, nor a replay: they are what they are.
    BOOST_TEST(refusal(w, w.of(0, 5)).empty());
    BOOST_TEST(w.line.count().repeated == 1u);
    w.now = 8s;
    BOOST_TEST(refusal(w, w.of(0, 5)) == "a replay");
    BOOST_TEST(refusal(w, w.of(0, 8, there)) != "");
}

BOOST_AUTO_TEST_CASE(those_on_their_way_count) {
    auto w = limited(2);
    const auto todo = w.judge({w.of(0, 0), w.of(0, 0, there)}); // in one batch
    BOOST_REQUIRE(todo.size() == 3u);
    BOOST_TEST(std::get<redeem>(todo[2]).tokens.size() == 2u);
    BOOST_TEST(std::get<redeem>(todo[2]).grants.size() == 2u); // the first one's
    BOOST_TEST(refusal(w, w.of(0, 0, third)) != "");           // while the store is asked
    w.redeemed(1, fine);
    w.now = 1s;
    BOOST_TEST(refusal(w, w.of(0, 1, there)) != ""); // while the firewall is
    w.carried_out(3, full);
    BOOST_TEST(refusal(w, w.of(0, 1, third)).empty()); // what failed is none
}

BOOST_AUTO_TEST_CASE(what_is_closed_or_revoked_makes_room) {
    auto w = limited(2);
    w.open(w.of(0, 0));
    auto c = w.of(0, -1);
    c.what = claim::wish::close; // itself never one too many
    w.judge({c});
    w.redeemed(3, fine);
    w.carried_out(4, fine);
    w.number = 5;
    w.open(w.of(0, 0, there), both_to(there));
    const auto r = w.line.revoke({"alice", {}, "why"}, {}, at(w.now), clock_at(w.now));
    w.line.revoked(r.number, fine, at(w.now));
    BOOST_TEST(refusal(w, w.of(0, 0, third)).empty());
}

BOOST_AUTO_TEST_CASE(those_of_an_earlier_process_count) {
    auto w = limited(2);
    const std::vector<opened_grant> record{{"alice", "a", here, "ssh", clock_at(-1s), clock_at(29s)},
                                           {"alice", "a", here, "web", clock_at(-1s), clock_at(59s)}};
    const std::vector<firewall::live_grant> open{{here, "ssh", 29s}, {here, "web", 59s}};
    w.line.remember(record, open, at(w.now));
    BOOST_TEST(refusal(w, w.of(0, 0, there)) == "its key has 2 grants, and max_grants is 2");
}

BOOST_AUTO_TEST_CASE(a_lower_limit_ends_nothing_and_lets_renew) {
    auto w = limited(0);
    w.open(w.of(0, 0));
    w.open(w.of(0, 0, there), both_to(there));
    w.line.set_terms(with_most(2));
    BOOST_TEST(w.line.keys_of(here, "ssh", at(w.now)).size() == 1u);
    w.now = 1s;
    w.open(w.of(0, 1, there), both_to(there));
    BOOST_TEST(refusal(w, w.of(0, 1, third)) == "its key has 4 grants, and max_grants is 2");
}

BOOST_AUTO_TEST_CASE(what_is_known_of_a_key_does_not_grow) {
    holders h;
    for (int i = 0; i < 100'000; ++i) {
        const auto who = address::v4(
            std::array<std::uint8_t, 4>{10, std::uint8_t(i >> 16), std::uint8_t(i >> 8), std::uint8_t(i)});
        const auto opened = h.hold("alice", who, "ssh", at(1h), at(0s));
        h.settle("alice", who, "ssh", opened, false);
        h.settle("alice", who, "ssh", h.hold("alice", who, "ssh", {}, at(0s)), false);
        BOOST_REQUIRE(h.indexed() < 5000u);
    }
    BOOST_TEST(h.held_by("alice", at(0s)).empty());
}

BOOST_AUTO_TEST_SUITE_END()

// Whose a grant is while opens and closes are on their way, and where it has a number of uses.
#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t epoch = 1'700'000'000;
constexpr std::uint32_t alice = 0, bob = 1;
const auto here = *address::parse("192.0.2.1");
const result<void> fine;
const result<void> full = error{"no room"};

std::string name_of(std::uint32_t key) { return key == alice ? "alice" : "bob"; }

/// One service; the firewall answers when the test says so.
struct world {
    explicit world(std::uint32_t uses = 0)
        : line(replay_guard({}, {}), {{{"alice", 0s}, {"bob", 0s}}, {{"web", 30s, 1h, {}, uses}}}) {}

    /// A knock up to where the firewall is asked: the action, and its number for answer().
    std::pair<action, std::uint64_t> knock(std::uint32_t key, claim::wish what, nanoseconds open_for) {
        claim c{};
        c.key = key;
        c.what = what;
        c.open_for = open_for;
        c.source = c.beneficiary = here;
        c.services = {0};
        c.once.key = name_of(key);
        c.once.place = epoch;
        c.once.slack = 10;
        c.once.identity = std::to_string(++knocks);
        const instant at{now};
        const auto todo = line.judge(std::vector{c}, at, {unix_time{seconds(epoch)} + now, 0s});
        const auto asked = line.redeemed(std::get<redeem>(todo.at(0)).batch, fine, at);
        const auto& first = asked.at(0);
        if (const auto* opens = std::get_if<open_services>(&first)) return {first, opens->knock};
        if (const auto* closes = std::get_if<close_services>(&first)) return {first, closes->knock};
        return {first, 0};
    }
    /// Asks to open: the number.
    std::uint64_t open(std::uint32_t key, nanoseconds open_for = 30s) {
        const auto [asked, number] = knock(key, claim::wish::open, open_for);
        BOOST_REQUIRE(std::holds_alternative<open_services>(asked));
        lasts = std::get<open_services>(asked).what.at(0).open_for;
        return number;
    }
    /// Asks to close: the number, 0 if the key had none of it.
    std::uint64_t close(std::uint32_t key) {
        const auto [asked, number] = knock(key, claim::wish::close, 30s);
        left.reset();
        if (number) left = std::get<close_services>(asked).what.at(0).left;
        return number;
    }
    void answer(std::uint64_t number, const result<void>& done = fine) {
        told = line.carried_out(number, done, instant{now});
    }
    void opened(std::uint32_t key, nanoseconds open_for = 30s) { answer(open(key, open_for)); }
    void closed(std::uint32_t key) {
        const auto number = close(key);
        BOOST_REQUIRE(number != 0u);
        answer(number);
    }

    granting::pipeline line;
    nanoseconds now{0};
    int knocks = 0;
    nanoseconds lasts{};             ///< what the latest open() asked of the firewall
    std::optional<nanoseconds> left; ///< what the latest close() did
    actions told;
};

} // namespace

BOOST_AUTO_TEST_SUITE(holds)

BOOST_AUTO_TEST_CASE(opening_after_a_close_on_its_way_is_held) {
    world w;
    w.opened(alice);
    const auto closing = w.close(alice);
    const auto opening = w.open(alice);
    w.answer(closing);
    w.answer(opening);
    // Another key's close leaves it open,
    w.opened(bob);
    w.closed(bob);
    BOOST_TEST((w.left == 30s));
    // and its own ends it.
    BOOST_TEST(w.close(alice) != 0u);
    BOOST_TEST(!w.left.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_being_closed_is_not_held) {
    world w;
    w.opened(alice);
    const auto closing = w.close(alice);
    BOOST_TEST(w.close(alice) == 0u);
    w.open(bob, 10s);
    BOOST_TEST((w.lasts == 10s));
    w.answer(closing);
    BOOST_TEST(w.close(alice) == 0u);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_closed_is_held_yet) {
    world w;
    w.opened(alice);
    w.answer(w.close(alice), full);
    w.open(bob, 10s);
    BOOST_TEST((w.lasts == 30s));
    BOOST_TEST(w.close(alice) != 0u);
    // Opened anew meanwhile: that counts, however the close went.
    for (const auto& done : {fine, full}) {
        world v;
        v.opened(alice, 10min);
        const auto closing = v.close(alice);
        const auto opening = v.open(alice, 20s);
        v.answer(closing, done);
        v.answer(opening);
        v.open(bob, 10s);
        BOOST_TEST((v.lasts == 20s));
    }
}

BOOST_AUTO_TEST_CASE(of_two_openings_on_their_way_one_fails) {
    for (const int failing : {1, 2, 3}) {
        world w;
        w.opened(alice, 100s);
        const auto one = w.open(alice, 200s);
        const auto two = w.open(alice, 300s);
        w.answer(one, failing == 1 || failing == 3 ? full : fine);
        w.answer(two, failing == 2 || failing == 3 ? full : fine);
        w.open(bob, 10s);
        BOOST_TEST((w.lasts == (failing == 1 ? 300s : failing == 2 ? 200s : 100s)), "failing " << failing);
    }
    world w; // and before them there was none
    const auto one = w.open(alice);
    const auto two = w.open(alice);
    w.answer(one, full);
    w.answer(two);
    BOOST_TEST(w.close(alice) != 0u);
}

BOOST_AUTO_TEST_CASE(with_uses_the_newest_opening_is_all_there_is) {
    world w(1);
    w.opened(bob, 10min);
    // What another key has, or has used up, does not make this one last longer; nor does the log say so.
    w.opened(alice, 20s);
    BOOST_TEST((w.lasts == 20s));
    BOOST_TEST(std::get<tell>(w.told.at(0)).line.find("opens web for 20s") != std::string::npos);
    BOOST_TEST(std::get<note>(w.told.at(1)).entry.why == "20s");
    // It has taken the other one's place: that key has nothing there to close,
    BOOST_TEST(w.close(bob) == 0u);
    // and a close ends it, rather than give the other key's uses once more.
    w.closed(alice);
    BOOST_TEST(!w.left.has_value());
    BOOST_TEST(w.close(bob) == 0u);
    BOOST_TEST(w.close(alice) == 0u);
}

BOOST_AUTO_TEST_CASE(with_uses_what_failed_takes_no_place) {
    world w(3);
    w.opened(bob);
    w.answer(w.open(alice), full);
    BOOST_TEST(w.close(alice) == 0u);
    w.answer(w.close(bob), full);
    w.closed(bob);
    BOOST_TEST(!w.left.has_value());
}

BOOST_AUTO_TEST_CASE(ends_do_not_pile_up) {
    holders h;
    const instant now{};
    for (int n = 0; n < 1000; ++n) {
        h.settle("alice", here, "web", h.hold("alice", here, "web", now + 1h, now), false);
        h.settle("alice", here, "web", h.hold("alice", here, "web", {}, now), false);
    }
    BOOST_TEST(h.size() == 0u);
}

BOOST_AUTO_TEST_CASE(of_a_service_that_has_changed_since_the_start_nothing_is_held) {
    const std::vector<opened_grant> record{
        {"alice", "", here, "web", unix_time{seconds(epoch)}, unix_time{seconds(epoch)} + 1h}};
    const std::vector<firewall::live_grant> live{{here, "web", 1h}};
    for (const bool changes : {false, true}) {
        world w;
        w.line.remember(record, live, instant{});
        if (changes) w.line.set_terms({{{"alice", 0s}, {"bob", 0s}}, {{"web", 30s, 1h, {}, 2}}});
        w.line.set_terms({{{"alice", 0s}, {"bob", 0s}}, {{"web", 30s, 1h}}});
        BOOST_TEST((w.close(alice) != 0u) == !changes);
    }
}

BOOST_AUTO_TEST_SUITE_END()

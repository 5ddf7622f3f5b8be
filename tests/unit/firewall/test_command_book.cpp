#include "firewall/command_book.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::firewall;
using namespace std::chrono_literals;

namespace {

const auto alice = *address::parse("192.0.2.1"), bob = *address::parse("2001:db8::2");
constexpr instant now{1h};

service service_of(const std::string& name, std::initializer_list<const char*> ports) {
    service s;
    s.name = name;
    for (const auto* p : ports) s.ports.push_back(*endpoint_range::parse(p));
    return s;
}
const service ssh = service_of("ssh", {"tcp/22", "udp/60000-61000", "tcp/2200-2210"});
const service web = service_of("web", {"tcp/80"});

change open(const address& who, const service& s, nanoseconds open_for = 30s) {
    return {who, s.name, open_for, "alice"};
}

/// What is run now, in words; all of it ends as told.
std::vector<std::string> run_all(command_book& b, run_end how = run_end::succeeded) {
    std::vector<std::string> all;
    for (const auto& r : b.take()) {
        all.push_back((r.opens ? "open " : "close ") + r.service + " " + r.ports + (r.tentative ? "?" : ""));
        b.ended(r.number, how);
    }
    return all;
}
using texts = std::vector<std::string>;

/// One in which a service is open to alice.
command_book opened(const service& s = web) {
    command_book b;
    b.open(open(alice, s), s, now);
    while (!run_all(b).empty()) {
    }
    return b;
}

} // namespace

BOOST_AUTO_TEST_SUITE(programs_that_open_and_close)

BOOST_AUTO_TEST_CASE(the_environment_says_all) {
    command_book b;
    BOOST_TEST(b.open(open(bob, ssh, 1500ms), ssh, now)->size() == 2u);
    const auto runs = b.take();
    BOOST_TEST_REQUIRE(runs.size() == 1u); // one after another for one grant
    BOOST_TEST((runs[0].facts() == texts{"CHRONOKNOCK_ACTION=open", "CHRONOKNOCK_ADDRESS=2001:db8::2",
                                         "CHRONOKNOCK_FAMILY=6", "CHRONOKNOCK_PROTOCOL=tcp",
                                         "CHRONOKNOCK_PORTS=22,2200-2210", "CHRONOKNOCK_SERVICE=ssh",
                                         "CHRONOKNOCK_KEY=alice", "CHRONOKNOCK_SECONDS=2"}));
    b.ended(runs[0].number, run_end::succeeded);
    const auto udp = b.take();
    BOOST_TEST_REQUIRE(udp.size() == 1u);
    BOOST_TEST(udp[0].facts()[3] == "CHRONOKNOCK_PROTOCOL=udp");
    BOOST_TEST(udp[0].facts()[4] == "CHRONOKNOCK_PORTS=60000-61000");
    b.ended(udp[0].number, run_end::succeeded);
    b.close(bob, "ssh");
    const auto closing = b.take();
    BOOST_TEST_REQUIRE(closing.size() == 1u);
    BOOST_TEST((closing[0].facts() == texts{"CHRONOKNOCK_ACTION=close", "CHRONOKNOCK_ADDRESS=2001:db8::2",
                                            "CHRONOKNOCK_FAMILY=6", "CHRONOKNOCK_PROTOCOL=tcp",
                                            "CHRONOKNOCK_PORTS=22,2200-2210", "CHRONOKNOCK_SERVICE=ssh",
                                            "CHRONOKNOCK_KEY=alice", "CHRONOKNOCK_SECONDS="}));
}

BOOST_AUTO_TEST_CASE(a_renewal_runs_nothing_and_lasts) {
    command_book b;
    b.open(open(alice, web), web, now);
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    BOOST_TEST(b.open(open(alice, web, 60s), web, now)->empty());
    BOOST_TEST(run_all(b).empty());
    BOOST_TEST((b.live(now) == std::vector<live_grant>{{alice, "web", 60s}}));
    b.close(alice, "web");
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.close(alice, "web").empty());
    BOOST_TEST(b.live(now).empty());
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(what_may_be_open_is_closed_before_it_is_opened_again) {
    command_book b;
    b.open(open(alice, web), web, now);
    BOOST_TEST((run_all(b, run_end::refused) == texts{"open web 80"}));
    b.open(open(alice, web), web, now);
    BOOST_TEST((run_all(b, run_end::refused) == texts{"close web 80?"}));
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    b.close(alice, "web");
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_closed_is_open_yet) {
    auto b = opened();
    b.close(alice, "web");
    BOOST_TEST((run_all(b, run_end::refused) == texts{"close web 80"}));
    BOOST_TEST(b.close(alice, "web").size() == 1u);
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.close(alice, "web").empty());
}

BOOST_AUTO_TEST_CASE(what_was_closed_in_part_is_opened_as_a_whole) {
    auto b = opened(ssh);
    b.close(alice, "ssh");
    BOOST_TEST((run_all(b, run_end::refused) == texts{"close ssh 22,2200-2210"}));
    BOOST_TEST((run_all(b) == texts{"close ssh 60000-61000"}));
    b.open(open(alice, ssh), ssh, now);
    BOOST_TEST((run_all(b) == texts{"close ssh 22,2200-2210"}));
    BOOST_TEST((run_all(b) == texts{"open ssh 22,2200-2210"}));
    BOOST_TEST((run_all(b) == texts{"open ssh 60000-61000"}));
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(closed_before_it_was_open_it_is_closed_for_sure) {
    command_book b;
    b.open(open(alice, web), web, now);
    const auto opening = b.take();
    b.close(alice, "web");
    BOOST_TEST(b.take().empty()); // not before the other is over
    b.ended(opening[0].number, run_end::succeeded);
    BOOST_TEST((run_all(b) == texts{"close web 80"})); // without a doubt
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(opened_again_while_it_is_closed) {
    auto b = opened();
    b.close(alice, "web");
    const auto closing = b.take();
    BOOST_TEST(b.open(open(alice, web), web, now)->size() == 1u);
    b.ended(closing[0].number, run_end::succeeded);
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    BOOST_TEST(b.live(now).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_process_left_is_closed) {
    command_book b;
    b.recall({alice, "web", 20s, "bob"}, web, now);
    b.recall({bob, "web", -5s, "bob"}, web, now);
    BOOST_TEST((b.live(now) == std::vector<live_grant>{{bob, "web", 0s}, {alice, "web", 20s}}));
    b.close(bob, "web");
    b.close(alice, "web");
    BOOST_TEST((run_all(b) == texts{"close web 80?", "close web 80?"}));
    BOOST_TEST(b.close(alice, "web").empty());
    BOOST_TEST(b.nothing_open());
}

BOOST_AUTO_TEST_CASE(of_several_keys_for_one_grant_the_longest_counts) {
    command_book b;
    b.recall({alice, "web", 10s, "alice"}, web, now);
    b.recall({alice, "web", 30s, "bob"}, web, now);
    b.recall({alice, "web", 20s, "carol"}, web, now);
    BOOST_TEST((b.live(now) == std::vector<live_grant>{{alice, "web", 30s}}));
    b.close(alice, "web");
    BOOST_TEST(b.take().at(0).key == "bob");
}

BOOST_AUTO_TEST_CASE(what_may_be_open_is_closed_until_nothing_was_there_so_often) {
    command_book b;
    b.recall({alice, "web", 20s, "alice"}, web, now);
    for (std::size_t n = 1; n <= command_book::most_refusals; ++n) {
        BOOST_TEST_REQUIRE(b.close(alice, "web").size() == 1u);
        const auto run = b.take().at(0);
        BOOST_TEST(run.tentative);
        const auto upshot = b.ended(run.number, run_end::refused);
        const bool last = n == command_book::most_refusals;
        BOOST_TEST(upshot.given_up == last);
        BOOST_TEST(upshot.stays_open == !last);
        BOOST_TEST(upshot.all_closed == last);
    }
    BOOST_TEST(b.close(alice, "web").empty());
}

BOOST_AUTO_TEST_CASE(a_closing_that_was_broken_off_proves_nothing) {
    for (const auto how : {run_end::broken_off, run_end::not_run}) {
        command_book b;
        b.recall({alice, "web", -1s, "alice"}, web, now);
        for (int n = 0; n < 50; ++n) {
            BOOST_TEST_REQUIRE(b.close(alice, "web").size() == 1u);
            const auto upshot = b.ended(b.take().at(0).number, how);
            BOOST_TEST(upshot.stays_open);
            BOOST_TEST(!upshot.given_up);
        }
        b.close(alice, "web");
        BOOST_TEST(b.ended(b.take().at(0).number, run_end::succeeded).all_closed);
    }
}

BOOST_AUTO_TEST_CASE(what_should_be_closed_is_told_until_it_is) {
    auto b = opened(ssh);
    const std::vector<live_grant> over{{alice, "ssh", 0s}};
    BOOST_TEST((b.live(now + 31s) == over));
    const auto asked = b.close(alice, "ssh");
    BOOST_TEST(asked.size() == 2u);
    BOOST_TEST((b.close(alice, "ssh") == asked)); // whoever asks again waits for the same
    BOOST_TEST((b.live(now + 31s) == over));
    const auto tcp = b.take().at(0);
    BOOST_TEST(!b.ended(tcp.number, run_end::succeeded).all_closed); // udp is not
    const auto udp = b.take().at(0);
    BOOST_TEST(b.ended(udp.number, run_end::refused).stays_open);
    BOOST_TEST((b.live(now + 31s) == over));
    BOOST_TEST(b.holds(alice, "ssh"));
    b.close(alice, "ssh");
    const auto again = b.take().at(0);
    BOOST_TEST((again.protocol == transport::udp));
    BOOST_TEST(b.ended(again.number, run_end::succeeded).all_closed);
    BOOST_TEST(b.live(now).empty());
    BOOST_TEST(b.nothing_open());
}

BOOST_AUTO_TEST_CASE(one_that_could_not_be_closed_and_is_opened_again_is_closed_once) {
    auto b = opened();
    b.close(alice, "web");
    const auto closing = b.take().at(0);
    b.open(open(alice, web), web, now);
    const auto upshot = b.ended(closing.number, run_end::refused);
    BOOST_TEST(!upshot.stays_open); // by its new deadline it is closed
    BOOST_TEST(!upshot.all_closed);
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    b.close(alice, "web");
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.idle());
    BOOST_TEST(b.nothing_open());
}

BOOST_AUTO_TEST_CASE(a_closing_that_fails_before_the_next_one_leaves_it_to_that) {
    auto b = opened();
    b.close(alice, "web");
    const auto closing = b.take().at(0);
    b.open(open(alice, web), web, now);
    b.close(alice, "web");
    BOOST_TEST(!b.ended(closing.number, run_end::refused).stays_open);
    BOOST_TEST((run_all(b, run_end::refused) == texts{"open web 80"}));
    BOOST_TEST((run_all(b) == texts{"close web 80"})); // it is sure to be open yet
    BOOST_TEST(b.nothing_open());
}

BOOST_AUTO_TEST_CASE(a_door_is_closed_by_the_program_of_its_time) {
    command_book b;
    b.use({{"/old", "open"}, {"/old", "close"}});
    b.open(open(alice, web), web, now);
    const auto opening = b.take().at(0);
    BOOST_TEST((opening.command == texts{"/old", "open"}));
    b.ended(opening.number, run_end::succeeded);
    b.use({{"/new", "open"}, {"/new", "close"}});
    BOOST_TEST(b.open(open(alice, web), web, now)->empty());
    b.close(alice, "web");
    const auto closing = b.take().at(0);
    BOOST_TEST((closing.command == texts{"/old", "close"}));
    b.ended(closing.number, run_end::not_run); // it is gone with its configuration
    b.close(alice, "web");
    BOOST_TEST((b.take().at(0).command == texts{"/new", "close"}));
    b.open(open(bob, web), web, now);
    BOOST_TEST((b.take().at(0).command == texts{"/new", "open"}));
}

BOOST_AUTO_TEST_CASE(a_service_that_is_gone_or_has_other_ports_is_closed_by_the_old_ones) {
    auto b = opened();
    b.open(open(alice, ssh), ssh, now);
    run_all(b);
    run_all(b);
    auto other = web;
    other.ports = {*endpoint_range::parse("tcp/81")};
    const service kept[] = {other, ssh};
    b.keep(kept);
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    b.keep({});
    BOOST_TEST((run_all(b) == texts{"close ssh 22,2200-2210"}));
    BOOST_TEST((run_all(b) == texts{"close ssh 60000-61000"}));
    BOOST_TEST(b.idle());
}

address nth(std::size_t n) {
    const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
    return address::v4(bytes);
}

change by(const std::string& key, std::size_t n) { return {nth(n), "web", 30s, key}; }

BOOST_AUTO_TEST_CASE(so_many_run_at_once_and_so_many_wait) {
    command_book b;
    for (std::size_t n = 0; n < command_book::most_waiting; ++n)
        BOOST_TEST_REQUIRE(b.open(by("key" + std::to_string(n), n), web, now).has_value());
    BOOST_TEST(!b.open(open(bob, web), web, now).has_value());
    BOOST_TEST(b.take().size() == command_book::most_alike_at_once);
    BOOST_TEST(b.take().empty());
    BOOST_TEST(b.open(open(bob, web), web, now).has_value());
    BOOST_TEST(b.close(nth(1000), "web").size() == 1u); // those always wait
}

BOOST_AUTO_TEST_CASE(one_key_holds_up_nobody) {
    command_book b;
    for (std::size_t n = 0; n < command_book::most_waiting_of_key; ++n)
        BOOST_TEST_REQUIRE(b.open(by("mallory", n), web, now).has_value());
    BOOST_TEST(!b.open(by("mallory", 1000), web, now).has_value());
    BOOST_TEST(b.take().size() == command_book::most_of_key_at_once);
    BOOST_TEST_REQUIRE(b.open(open(alice, web), web, now).has_value());
    const auto next = b.take();
    BOOST_TEST_REQUIRE(next.size() == 1u);
    BOOST_TEST((next[0].who == alice));
    BOOST_TEST(b.open(by("mallory", 1000), web, now).has_value()); // some wait no more
}

BOOST_AUTO_TEST_CASE(what_is_to_be_closed_is_closed_before_others_are_opened) {
    auto b = opened();
    for (std::size_t n = 0; n < 100; ++n) b.open(by("key" + std::to_string(n), n), web, now);
    b.open(open(bob, web), web, now);
    b.close(alice, "web");
    b.close(bob, "web"); // not before it is opened
    const auto first = b.take();
    BOOST_TEST_REQUIRE(first.size() == 1 + command_book::most_alike_at_once);
    BOOST_TEST(!first[0].opens);
    BOOST_TEST((first[0].who == alice));
    for (const auto& r : first) BOOST_TEST((r.who != bob));
}

BOOST_AUTO_TEST_CASE(closings_that_hang_leave_room_for_openings) {
    command_book b;
    for (std::size_t n = 0; n < 100; ++n) b.recall({nth(n), "web", 20s, "alice"}, web, now);
    b.keep({});
    BOOST_TEST(b.take().size() == command_book::most_alike_at_once);
    b.open(open(alice, web), web, now);
    BOOST_TEST(b.take().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

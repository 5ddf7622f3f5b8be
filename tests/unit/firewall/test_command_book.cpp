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
std::vector<std::string> run_all(command_book& b, bool succeed = true) {
    std::vector<std::string> all;
    for (const auto& r : b.take()) {
        all.push_back((r.opens ? "open " : "close ") + r.service + " " + r.ports + (r.tentative ? "?" : ""));
        b.ended(r.number, succeed);
    }
    return all;
}
using texts = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(programs_that_open_and_close)

BOOST_AUTO_TEST_CASE(the_environment_says_all) {
    command_book b;
    BOOST_TEST(b.open(open(bob, ssh, 1500ms), ssh, now)->size() == 2u);
    const auto runs = b.take();
    BOOST_TEST_REQUIRE(runs.size() == 1u); // one after another for one grant
    BOOST_TEST((runs[0].facts() ==
                texts{"CHRONOKNOCK_ACTION=open", "CHRONOKNOCK_ADDRESS=2001:db8::2", "CHRONOKNOCK_FAMILY=6",
                      "CHRONOKNOCK_PROTOCOL=tcp", "CHRONOKNOCK_PORTS=22,2200-2210", "CHRONOKNOCK_SERVICE=ssh",
                      "CHRONOKNOCK_KEY=alice", "CHRONOKNOCK_SECONDS=2"}));
    b.ended(runs[0].number, true);
    const auto udp = b.take();
    BOOST_TEST_REQUIRE(udp.size() == 1u);
    BOOST_TEST(udp[0].facts()[3] == "CHRONOKNOCK_PROTOCOL=udp");
    BOOST_TEST(udp[0].facts()[4] == "CHRONOKNOCK_PORTS=60000-61000");
    b.ended(udp[0].number, true);
    b.close(bob, "ssh");
    const auto closing = b.take();
    BOOST_TEST_REQUIRE(closing.size() == 1u);
    BOOST_TEST((closing[0].facts() ==
                texts{"CHRONOKNOCK_ACTION=close", "CHRONOKNOCK_ADDRESS=2001:db8::2", "CHRONOKNOCK_FAMILY=6",
                      "CHRONOKNOCK_PROTOCOL=tcp", "CHRONOKNOCK_PORTS=22,2200-2210", "CHRONOKNOCK_SERVICE=ssh",
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
    BOOST_TEST((run_all(b, false) == texts{"open web 80"}));
    b.open(open(alice, web), web, now);
    BOOST_TEST((run_all(b, false) == texts{"close web 80?"}));
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    b.close(alice, "web");
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_closed_is_open_yet) {
    command_book b;
    b.open(open(alice, web), web, now);
    run_all(b);
    b.close(alice, "web");
    BOOST_TEST((run_all(b, false) == texts{"close web 80"}));
    BOOST_TEST(b.close(alice, "web").size() == 1u);
    BOOST_TEST((run_all(b) == texts{"close web 80"}));
    BOOST_TEST(b.close(alice, "web").empty());
}

BOOST_AUTO_TEST_CASE(what_was_closed_in_part_is_opened_as_a_whole) {
    command_book b;
    b.open(open(alice, ssh), ssh, now);
    run_all(b);
    run_all(b);
    b.close(alice, "ssh");
    BOOST_TEST((run_all(b, false) == texts{"close ssh 22,2200-2210"}));
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
    b.ended(opening[0].number, true);
    BOOST_TEST((run_all(b) == texts{"close web 80"})); // without a doubt
    BOOST_TEST(b.idle());
}

BOOST_AUTO_TEST_CASE(opened_again_while_it_is_closed) {
    command_book b;
    b.open(open(alice, web), web, now);
    run_all(b);
    b.close(alice, "web");
    const auto closing = b.take();
    BOOST_TEST(b.open(open(alice, web), web, now)->size() == 1u);
    b.ended(closing[0].number, true);
    BOOST_TEST((run_all(b) == texts{"open web 80"}));
    BOOST_TEST(b.live(now).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_an_earlier_process_left_is_closed) {
    command_book b;
    b.recall({alice, "web", 20s, "bob"}, web, now);
    b.recall({bob, "web", -5s, "bob"}, web, now);
    BOOST_TEST((b.live(now) == std::vector<live_grant>{{alice, "web", 20s}}));
    b.close(bob, "web");
    b.close(alice, "web");
    BOOST_TEST((run_all(b, false) == texts{"close web 80?", "close web 80?"}));
    BOOST_TEST(b.close(alice, "web").empty()); // once is enough for what may not be open
}

BOOST_AUTO_TEST_CASE(a_service_that_is_gone_or_has_other_ports_is_closed_by_the_old_ones) {
    command_book b;
    b.open(open(alice, web), web, now);
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

BOOST_AUTO_TEST_CASE(so_many_run_at_once_and_so_many_wait) {
    command_book b;
    const auto nth = [](std::uint32_t n) {
        const std::uint8_t bytes[] = {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        return address::v4(bytes);
    };
    for (std::uint32_t n = 0; n < command_book::most_waiting; ++n)
        BOOST_TEST_REQUIRE(b.open(open(nth(n), web), web, now).has_value());
    BOOST_TEST(!b.open(open(bob, web), web, now).has_value());
    BOOST_TEST(b.take().size() == command_book::most_at_once);
    BOOST_TEST(b.take().empty());
    BOOST_TEST(b.open(open(bob, web), web, now).has_value());
    BOOST_TEST(b.close(nth(1000), "web").size() == 1u); // those always wait
}

BOOST_AUTO_TEST_SUITE_END()

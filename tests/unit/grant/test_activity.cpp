#include "grant/activity.hpp"

#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

const auto here = *address::parse("192.0.2.1");

unix_time clock_at(seconds s) { return unix_time{1'700'000'000s + s}; }

} // namespace

BOOST_AUTO_TEST_CASE(keys_keep_the_order_of_their_first_grant) {
    activity a;
    a.granted("bob", clock_at(1s), 2ms);
    a.granted("alice", clock_at(2s), 3ms);
    a.granted("bob", clock_at(3s), std::nullopt);
    BOOST_TEST(a.keys().size() == 2u);
    BOOST_TEST(a.keys()[0].name == "bob");
    BOOST_TEST(a.keys()[0].granted == 2u);
    BOOST_TEST((a.keys()[0].last == clock_at(3s)));
    BOOST_TEST(a.keys()[1].name == "alice");
    BOOST_TEST(a.delays().count() == 2u);
    a.keep([](std::string_view name) { return name != "bob"; });
    a.granted("alice", clock_at(4s), 1ms);
    a.granted("bob", clock_at(5s), 1ms);
    BOOST_TEST(a.keys()[0].name == "alice");
    BOOST_TEST(a.keys()[0].granted == 2u);
    BOOST_TEST(a.keys()[1].granted == 1u);
}

BOOST_AUTO_TEST_CASE(a_grant_is_timed_from_the_judgement_to_the_firewalls_answer) {
    pipeline line(replay_guard({}, {}), {{{"alice", 0s}, {"gone", 0s}}, {{"ssh", 30s, 30s}}});
    claim c{};
    c.source = c.beneficiary = here;
    c.services = {0};
    c.once = {"a", 1'700'000'000, 10, 0, "x", false, {{clock_at(0s), clock_at(20s)}}};
    c.first = instant{1s};
    line.judge(std::vector{c}, instant{1s}, {clock_at(1s), 0s});
    line.redeemed(1, {}, instant{1s + 1ms});
    BOOST_TEST(line.activity().keys().empty());
    line.carried_out(2, {}, instant{1s + 4ms});
    BOOST_TEST(line.activity().keys().at(0).name == "alice");
    BOOST_TEST(line.activity().delays().count() == 1u);
    BOOST_TEST((line.activity().delays().sum() == 4ms));
    line.set_terms({{{"bob", 0s}}, {{"ssh", 30s, 30s}}});
    BOOST_TEST(line.activity().keys().empty());
}

BOOST_AUTO_TEST_CASE(a_failed_grant_is_none) {
    pipeline line(replay_guard({}, {}), {{{"alice", 0s}}, {{"ssh", 30s, 30s}}});
    claim c{};
    c.source = c.beneficiary = here;
    c.services = {0};
    c.once = {"a", 1'700'000'000, 10, 0, "x", false, {{clock_at(0s), clock_at(20s)}}};
    c.first = instant{1s};
    line.judge(std::vector{c}, instant{1s}, {clock_at(1s), 0s});
    line.redeemed(1, {}, instant{1s});
    line.carried_out(2, error{"no"}, instant{1s});
    BOOST_TEST(line.activity().keys().empty());
    BOOST_TEST(line.activity().delays().count() == 0u);
}

#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;
using namespace std::chrono_literals;

namespace {

unix_time clock_at(seconds s) { return unix_time{1'700'000'000s + s}; }

claim of(std::uint32_t key, std::string identity) {
    claim c{};
    c.key = key;
    c.source = c.beneficiary = *address::parse("192.0.2.1");
    c.services = {0};
    c.once = {key == 0 ? "a" : "b",           1'700'000'000, 10, 0, std::move(identity), false,
              {{clock_at(0s), clock_at(20s)}}};
    c.first = instant{1s};
    return c;
}

pipeline two_keys() { return {replay_guard({}, {}), {{{"alice", 0s}, {"bob", 0s}}, {{"ssh", 30s, 30s}}}}; }

} // namespace

BOOST_AUTO_TEST_CASE(a_grant_is_timed_from_the_judgement_to_the_firewalls_answer) {
    auto line = two_keys();
    line.judge(std::vector{of(0, "x")}, instant{1s}, {clock_at(1s), 0s});
    line.redeemed(1, {}, instant{1s + 1ms});
    BOOST_TEST(line.delays().count() == 0u);
    line.carried_out(2, {}, instant{1s + 4ms});
    BOOST_TEST(line.delays().count() == 1u);
    BOOST_TEST((line.delays().sum() == 4ms));
    // What fails took no time.
    line.judge(std::vector{of(1, "y")}, instant{2s}, {clock_at(2s), 0s});
    line.redeemed(3, {}, instant{2s});
    line.carried_out(4, error{"no"}, instant{2s});
    BOOST_TEST(line.delays().count() == 1u);
}

BOOST_AUTO_TEST_CASE(keys_keep_the_order_in_which_they_came) {
    auto line = two_keys();
    line.judge(std::vector{of(1, "x")}, instant{1s}, {clock_at(1s), 0s});
    line.redeemed(1, {}, instant{1s});
    line.carried_out(2, {}, instant{1s});
    line.judge(std::vector{of(0, "y")}, instant{2s}, {clock_at(2s), 0s});
    line.redeemed(3, {}, instant{2s});
    line.carried_out(4, {}, instant{2s});
    const auto& counted = line.count_of_keys();
    BOOST_TEST(counted.at("bob").order < counted.at("alice").order);
    BOOST_TEST(counted.at("alice").granted == 1u);
}

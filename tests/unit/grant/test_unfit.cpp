#include "grant/pipeline.hpp"

#include <boost/test/unit_test.hpp>

using namespace chronoknock;
using namespace chronoknock::granting;

BOOST_AUTO_TEST_CASE(unfit_claim_is_refused_and_told_and_burns_nothing) {
    const unix_time t{seconds(1'700'000'000)};
    const instant now{seconds(100)};
    pipeline p(replay_guard({}, t - seconds(3600)), {{{"phone"}}, {{"ssh", seconds(30), seconds(30)}}});
    claim c{};
    c.source = c.beneficiary = *address::parse("192.0.2.1");
    c.once.key = "fingerprint";
    c.once.identity = "this one";
    c.first = now;
    c.description = "packet of then";
    c.unfit = "it asks for the moon";
    for (int i = 0; i < 3; ++i) {
        const auto todo = p.judge(std::vector{c}, now + seconds(i), {t, {}});
        BOOST_REQUIRE(todo.size() == (i == 0 ? 2u : 0u)); // of an address the first is told at once
        if (i != 0) continue;
        const auto* const told = std::get_if<tell>(&todo[0]);
        BOOST_REQUIRE(told);
        BOOST_TEST(told->line ==
                   "refused a knock from 192.0.2.1, key phone, packet of then: it asks for the moon");
        const auto* const noted = std::get_if<note>(&todo[1]);
        BOOST_REQUIRE(noted);
        BOOST_TEST(noted->entry.why == "it asks for the moon");
    }
    BOOST_TEST(p.count().refused == 3u);
    BOOST_TEST(p.guard().size() == 0u);
    c.unfit.clear();
    c.services = {0};
    BOOST_REQUIRE(p.judge(std::vector{c}, now, {t, {}}).size() == 1u); // nothing was burnt
}

BOOST_AUTO_TEST_CASE(a_key_earns_nothing_from_its_last_moment_on) {
    const unix_time t{seconds(1'700'000'000)};
    const instant now{seconds(100)};
    pipeline p(replay_guard({}, t - seconds(3600)),
               {{{"phone", nanoseconds(0), {}, {}, t}}, {{"ssh", seconds(30), seconds(30)}}});
    claim c{};
    c.source = c.beneficiary = *address::parse("192.0.2.1");
    c.services = {0};
    c.once.key = "fingerprint";
    c.once.identity = "one";
    c.first = now;
    c.description = "window of then";
    const auto refused = p.judge(std::vector{c}, now, {t, {}});
    BOOST_REQUIRE(refused.size() == 2u);
    BOOST_TEST(std::get<tell>(refused[0]).line == "refused a knock from 192.0.2.1, key phone, window of then: the key "
                                                  "was good until 2023-11-14 22:13:20 UTC");
    BOOST_TEST(p.guard().size() == 0u);
    const auto before = p.judge(std::vector{c}, now, {t - nanoseconds(1), {}});
    BOOST_REQUIRE(before.size() == 1u);
    BOOST_TEST(std::get_if<redeem>(&before[0]) != nullptr);
}

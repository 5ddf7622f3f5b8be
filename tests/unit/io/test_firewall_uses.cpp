#include "firewall_world.hpp"

#include <atomic>
#include <barrier>
#include <thread>

using namespace firewall_test;

BOOST_FIXTURE_TEST_SUITE(firewall_uses, world, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(a_grant_is_good_for_so_many_connections) {
    asked.services = {make_service("one", {"tcp/22"}, 1), make_service("three", {"tcp/80"}, 3)};
    auto f = guarded();
    for (int round = 0; round < 2; ++round) {
        add(f, knocker, "one");
        add(f, knocker, "three");
        BOOST_TEST(live(f) == 2u);
        BOOST_TEST(try_from(knocker, 22) == "open");
        for (int i = 0; i < 3; ++i) BOOST_TEST(try_from(knocker, 22) == "silent");
        for (int i = 0; i < 3; ++i) BOOST_TEST(try_from(knocker, 80) == "open");
        for (int i = 0; i < 3; ++i) BOOST_TEST(try_from(knocker, 80) == "silent");
        BOOST_TEST(live(f) == 1u); // the single use is gone from the list, too
    }
    add(f, knocker6, "one");
    BOOST_TEST(try_from(knocker6, 22) == "open");
    BOOST_TEST(try_from(knocker6, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(a_retransmitted_syn_uses_nothing_up) {
    asked.services = {make_service("one", {"tcp/22"}, 1)};
    auto f = guarded();
    add(f, knocker, "one");
    // The first answer is lost, so the client's SYN comes twice.
    lab::run(
        "nft add table ip lossy && nft add chain ip lossy out '{ type filter hook output priority 0; }' && "
        "nft add rule ip lossy out tcp sport 22 limit rate 1/hour burst 1 packets drop");
    const auto s = dial(knocker, lab::server4, 22);
    BOOST_TEST(fate(s) == "silent");
    pollfd p{s.get(), POLLOUT, 0};
    BOOST_TEST(poll(&p, 1, 5000) == 1);
    BOOST_TEST(fate(s) == "open");
    BOOST_TEST(try_from(knocker, 22) == "silent");
}

BOOST_AUTO_TEST_CASE(two_at_the_same_moment_never_share_a_use) {
    asked.services = {make_service("one", {"tcp/22"}, 1), make_service("three", {"tcp/80"}, 3)};
    auto f = guarded();
    constexpr int rounds = 200, tries = 4;
    std::atomic<int> opened_one = 0, opened_three = 0;
    std::barrier start(3), stop(3);
    const auto client = [&](unsigned cpu) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu % std::max(1u, std::thread::hardware_concurrency()), &one);
        sched_setaffinity(0, sizeof one, &one);
        for (int i = 0; i < rounds; ++i) {
            start.arrive_and_wait();
            const auto a = dial(knocker, lab::server4, 22);
            std::vector<lab::descriptor> b;
            for (int n = 0; n < tries; ++n) b.push_back(dial(knocker, lab::server4, 80));
            opened_one += fate(a) == "open";
            for (const auto& s : b) opened_three += fate(s) == "open";
            stop.arrive_and_wait();
        }
    };
    std::thread left(client, 0), right(client, 1);
    int one_wrong = 0, three_wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        add(f, knocker, "one");
        add(f, knocker, "three");
        start.arrive_and_wait();
        stop.arrive_and_wait();
        one_wrong += opened_one.exchange(0) != 1;
        three_wrong += opened_three.exchange(0) != 3;
    }
    left.join();
    right.join();
    BOOST_TEST(one_wrong == 0);
    BOOST_TEST(three_wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()

#include "fixture.hpp"

#include <algorithm>
#include <sys/mman.h>
#include <vector>

using namespace chronoknock;
using namespace chronoknock::method;
using chronoknock::time_sequence::lab;

namespace {

packet::event syn(std::uint32_t n, std::uint16_t port) {
    return lab::syn(lab::ip(n), 1, port, n * 1000u + port);
}

} // namespace

BOOST_AUTO_TEST_CASE(the_oldest_address_goes_first) {
    tracker t({4, 8, 2, seconds(10)}, {1, 2, 3, 4});
    for (std::uint32_t n = 0; n < 4; ++n) t.observe(syn(n, 100), lab::at(1));
    t.observe(syn(0, 101), lab::at(2)); // heard of again: 1 is the oldest now
    t.observe(syn(4, 100), lab::at(3));
    BOOST_TEST(t.newcomers() == 5u);
    BOOST_TEST(t.count(t.observe(syn(0, 102), lab::at(3))) == 3u);
    BOOST_TEST(t.newcomers() == 5u);
    BOOST_TEST(t.count(t.observe(syn(1, 100), lab::at(3))) == 1u);
    BOOST_TEST(t.newcomers() == 6u);
}

BOOST_AUTO_TEST_CASE(a_ring_keeps_the_latest) {
    tracker t({2, 8, 2, seconds(10)}, {1, 2, 3, 4});
    tracker::slot s = 0;
    for (std::uint16_t port = 1; port <= 25; ++port) s = t.observe(syn(1, port), lab::at(1));
    const auto all = t.recall(s);
    BOOST_TEST(all.size() == 10u);
    BOOST_TEST(all.front().port == 16);
    BOOST_TEST(all.back().port == 25);
    t.forget(s, [](std::uint16_t port) { return port % 2 == 0; });
    BOOST_TEST(t.recall(s).size() == 5u);
    BOOST_TEST(t.recall(s).front().port == 17);
}

BOOST_AUTO_TEST_CASE(ages_survive_the_wrap_of_ticks) {
    tracker t({2, 8, 2, seconds(10)}, {1, 2, 3, 4});
    double when = 0;
    for (int i = 0; i < 100; ++i) {
        when += 7;
        const auto s = t.observe(syn(1, static_cast<std::uint16_t>(i)), lab::at(when));
        BOOST_TEST(t.count(s) == (i == 0 ? 1u : 2u));
        BOOST_TEST(std::chrono::duration<double>(t.age(t.recall(s).front(), lab::at(when))).count() ==
                       (i == 0 ? 0.0 : 7.0),
                   boost::test_tools::tolerance(0.001));
    }
    BOOST_TEST(t.count(t.observe(syn(1, 1), lab::at(when + 80.0001))) == 1u);
}

BOOST_AUTO_TEST_CASE(addresses_of_both_families_are_told_apart) {
    tracker t({64, 8, 2, seconds(10)}, {1, 2, 3, 4});
    t.observe(lab::syn(*address::parse("1.2.3.4"), 1, 5, 1), lab::at(1));
    t.observe(lab::syn(*address::parse("102:304::"), 1, 5, 1), lab::at(1));
    t.observe(lab::syn(*address::parse("2001:db8::1"), 1, 5, 1), lab::at(1));
    t.observe(lab::syn(*address::parse("2001:db8::1"), 1, 6, 1), lab::at(1));
    BOOST_TEST(t.newcomers() == 3u);
}

BOOST_AUTO_TEST_CASE(its_pool_is_not_touched_before_there_is_a_fourth_syn) {
    tracker t({4096, 256, 32, seconds(10)}, {1, 2, 3, 4});
    const auto pool = t.tables()[0];
    BOOST_TEST(pool.size() == t.blocks() * 64);
    BOOST_TEST(t.bytes() == pool.size() + 4096 * (64 + 8));
    const auto touched = [&] {
        std::vector<unsigned char> there(pool.size() / 4096);
        BOOST_TEST_REQUIRE(mincore(const_cast<std::byte*>(pool.data()), pool.size(), there.data()) == 0);
        return std::ranges::count_if(there, [](auto page) { return page & 1; });
    };
    for (std::uint16_t port = 100; port < 103; ++port) t.observe(syn(1, port), lab::at(1));
    BOOST_TEST(touched() == 0);
    const auto s = t.observe(syn(1, 103), lab::at(1));
    BOOST_TEST(touched() > 0);
    BOOST_TEST(populate(pool));
    BOOST_TEST(t.recall(s).size() == 4u);
    BOOST_TEST(t.recall(s).back().port == 103);
}

BOOST_AUTO_TEST_CASE(a_table_of_the_default_size_is_small) {
    BOOST_TEST(tracker({65536, 256, 64, seconds(10)}, {1, 2, 3, 4}).bytes() == (std::size_t{21} << 20) / 2);
    BOOST_TEST(tracker({}, {1, 2, 3, 4}).bytes() == 0u);
}

// What the tracker remembers though all addresses share one pool of blocks: beside a plain model, and what a
// history outlasts.
#include "fixture.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <random>
#include <vector>

using namespace chronoknock;
using namespace chronoknock::method;
using chronoknock::time_sequence::lab;

namespace {

std::mt19937 dice(20); // NOLINT: the same numbers each time

std::uint32_t below(std::uint32_t end) {
    return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(dice);
}

packet::event syn(std::uint32_t n, std::uint16_t port) { return lab::syn(lab::ip(n), 1, port, port); }

/// The same rules by plain means, and memory without end.
class model {
public:
    struct one {
        std::uint16_t port;
        instant when;
    };
    struct history {
        std::deque<one> syns;
        std::uint32_t fresh = 0;
        instant last{};
    };

    explicit model(const tracker::settings& s) : settings_(s) {}

    void observe(std::uint32_t n, std::uint16_t port, instant now) {
        if (const auto at = std::ranges::find(quietest_first_, n); at != quietest_first_.end())
            quietest_first_.erase(at);
        quietest_first_.push_back(n);
        if (quietest_first_.size() > settings_.addresses) {
            all_.erase(quietest_first_.front());
            quietest_first_.pop_front();
        }
        auto& h = all_[n];
        if (!h.syns.empty() && now - h.last >= settings_.timeout) h = {};
        h.last = now;
        while (!h.syns.empty() && now - h.syns.front().when >= settings_.timeout) h.syns.pop_front();
        h.syns.push_back({port, now});
        const auto most = settings_.memory + settings_.slack;
        if (h.syns.size() > most) h.syns.pop_front();
        h.fresh = std::min(h.fresh + 1, most);
    }
    history& of(std::uint32_t n) { return all_.at(n); }

private:
    tracker::settings settings_;
    std::map<std::uint32_t, history> all_;
    std::list<std::uint32_t> quietest_first_;
};

constexpr nanoseconds tick = nanoseconds(seconds(10)) / 8192 + nanoseconds(1);

/// A tracker and a model that are told the same.
void compare(const tracker::settings& s, std::uint32_t addresses, nanoseconds longest_pause) {
    tracker t(s, {1, 2, 3, 4});
    model m(s);
    auto now = lab::at(1);
    for (int i = 0; i < 60'000; ++i) {
        // By whole ticks, so that both are of one mind on what is too old.
        now += tick * below(static_cast<std::uint32_t>(longest_pause / tick));
        const auto n = below(2) ? below(addresses) : below(3); // some send much
        const auto port = static_cast<std::uint16_t>(below(60000));
        const auto slot = t.observe(syn(n, port), now);
        m.observe(n, port, now);
        auto& h = m.of(n);
        const auto same = [&] {
            return t.who(slot) == lab::ip(n) && t.count(slot) == h.syns.size() && t.fresh(slot) == h.fresh &&
                   std::ranges::equal(t.recall(slot), h.syns, [&](const seen& a, const model::one& b) {
                       return a.port == b.port && t.age(a, now) == now - b.when;
                   });
        };
        if (!same()) BOOST_FAIL("another history after packet " << i);
        if (below(8) == 0) {
            t.mark_looked_at(slot);
            h.fresh = 0;
        }
        if (below(16) == 0) {
            const auto part = below(4) + 1; // 1: all of it
            const auto drop = [part](std::uint16_t p) { return p % part == 0; };
            t.forget(slot, drop);
            std::erase_if(h.syns, [&](const model::one& o) { return drop(o.port); });
            if (!same()) BOOST_FAIL("another history after what was forgotten after packet " << i);
        }
    }
}

constexpr tracker::settings sixteen_thousand{16384, 256, 64, seconds(10)};

enum class flood {
    of_new_addresses, ///< one SYN from each
    by_fours,         ///< four from each new address, which take a block
    of_one_address,
    prepared, ///< one from each address of which three are known already, which takes a block; then by fours
};

/// A knock of 16 SYNs among as many others as are said, evenly: what is remembered of it at the end.
std::size_t left_of_a_knock(flood f, std::size_t others) {
    tracker t(sixteen_thousand, {1, 2, 3, 4});
    const auto now = lab::at(1);
    std::uint32_t sent = 1'000'000, to_wake = 0;
    const auto send = [&](std::size_t count) {
        for (; count > 0; --count, ++sent) {
            const auto n = f == flood::of_new_addresses ? sent
                           : f == flood::of_one_address ? 7u
                           : to_wake > 0                ? 100 + --to_wake
                                                        : sent / 4;
            t.observe(syn(n, static_cast<std::uint16_t>(sent)), now);
        }
    };
    // It all has been in use for long.
    send(f == flood::of_new_addresses ? 2 * sixteen_thousand.addresses : 20 * t.blocks());
    if (f == flood::prepared) {
        to_wake = sixteen_thousand.addresses - 1;
        for (std::uint32_t i = 0; i < 3 * to_wake; ++i)
            t.observe(syn(100 + i / 3, static_cast<std::uint16_t>(i)), now);
    }
    tracker::slot s = 0;
    for (std::uint16_t i = 0; i < 16; ++i) {
        if (f == flood::prepared) { // from when it stands in a block
            if (i > 3) send(others / 12);
        } else if (i != 0) {
            send(others / 15);
        }
        s = t.observe(syn(1, i), now);
    }
    const auto all = t.recall(s);
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i].port == 16 - all.size() + i); // the latest
    return all.size();
}

} // namespace

BOOST_AUTO_TEST_CASE(it_remembers_what_a_plain_model_does) {
    compare({16, 8, 4, seconds(10)}, 40, milliseconds(100));
    compare({16, 8, 4, seconds(10)}, 40, seconds(4));
    compare({8, 2, 1, seconds(10)}, 9, milliseconds(50));
    compare({40, 30, 15, seconds(10)}, 40, milliseconds(30));
    compare({1, 64, 64, seconds(10)}, 2, milliseconds(20));
}

BOOST_AUTO_TEST_CASE(of_a_long_flood_it_remembers_the_end) {
    const tracker::settings s{60, 256, 64, seconds(1000)};
    tracker t(s, {1, 2, 3, 4});
    model m(s);
    std::size_t whole = 0, cut = 0;
    for (int i = 0; i < 600'000; ++i) {
        const auto n = below(256) ? below(4) : below(60); // most is sent by four
        const auto port = static_cast<std::uint16_t>(i);
        const auto slot = t.observe(syn(n, port), lab::at(1));
        m.observe(n, port, lab::at(1));
        if (n < 4 && below(200) != 0) continue;
        const std::vector syns(m.of(n).syns.begin(), m.of(n).syns.end());
        const auto kept = t.recall(slot);
        if (kept.empty() || kept.size() > syns.size() ||
            !std::ranges::equal(kept, std::span(syns).last(kept.size()), {}, &seen::port, &model::one::port))
            BOOST_FAIL("after packet " << i << " it is not the end that is remembered");
        ++(kept.size() == syns.size() ? whole : cut);
    }
    BOOST_TEST(whole > 0u);
    BOOST_TEST(cut > 0u);
}

BOOST_AUTO_TEST_CASE(a_knock_outlasts_a_flood_of_new_addresses) {
    const std::size_t between = sixteen_thousand.addresses - 1;
    BOOST_TEST(left_of_a_knock(flood::of_new_addresses, 15 * between) == 16u);
    BOOST_TEST(left_of_a_knock(flood::of_new_addresses, 15 * (between + 1)) == 1u);
}

BOOST_AUTO_TEST_CASE(a_knock_outlasts_a_flood_of_those_who_take_most) {
    const auto blocks = tracker(sixteen_thousand, {1, 2, 3, 4}).blocks();
    BOOST_TEST(left_of_a_knock(flood::by_fours, blocks * 4 * 95 / 100) == 16u);
    BOOST_TEST(left_of_a_knock(flood::by_fours, 4 * blocks * 4) < 16u);
}

BOOST_AUTO_TEST_CASE(a_knock_outlasts_a_flood_that_was_prepared) {
    const auto blocks = tracker(sixteen_thousand, {1, 2, 3, 4}).blocks();
    const auto known = sixteen_thousand.addresses;
    const auto bound = known + 4 * (blocks - known);
    BOOST_TEST(left_of_a_knock(flood::prepared, bound * 95 / 100) == 16u);
    BOOST_TEST(left_of_a_knock(flood::prepared, bound * 120 / 100) < 16u);
}

BOOST_AUTO_TEST_CASE(a_knock_outlasts_a_flood_from_one_address) {
    const auto blocks = tracker(sixteen_thousand, {1, 2, 3, 4}).blocks();
    BOOST_TEST(left_of_a_knock(flood::of_one_address, blocks * 9 * 95 / 100) == 16u);
    BOOST_TEST(left_of_a_knock(flood::of_one_address, 4 * blocks * 9) < 16u);
}

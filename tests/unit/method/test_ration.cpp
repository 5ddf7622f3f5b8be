// What a first-time knock survives: floods of spoofed addresses that make the server derive, in simulated
// time.
#include "fixture.hpp"

#include <algorithm>
#include <random>

using namespace chronoknock;
using namespace chronoknock::time_sequence;

namespace {

constexpr int batches_per_second = 1000;
constexpr int clients = 10; // one begins every 100 ms

/// What each address of a flood sends: live selectors, and ports that are none.
struct habit {
    std::size_t selectors;
    std::size_t others;
    bool only_timely = false; ///< selectors of the windows that are acceptable now
};

struct siege : lab {
    std::vector<std::uint16_t> live_selectors(const matcher& m, std::int64_t now, bool only_timely) const {
        std::vector<std::uint16_t> ports;
        for (std::uint32_t p = 1024; p < 65536; ++p)
            for (auto n = m.keys().first_with_selector(static_cast<std::uint16_t>(p)); n != keyring::none;
                 n = m.keys().at(n).next)
                if (const auto t0 = m.keys().at(n).t0; !only_timely || (t0 <= now && now < t0 + 20)) {
                    ports.push_back(static_cast<std::uint16_t>(p));
                    break;
                }
        return ports;
    }

    /// How many of the first-time clients, with five rounds each, get in while a flood of so many SYNs a
    /// second goes on.
    int let_in(double rate, const habit& h, bool everybody_known = false) {
        server.knock.tracked = 65536;
        auto m = make([&](const address&) { return everybody_known; });
        const auto begin = 2.0; // into a window, so that none changes meanwhile
        const auto tell = [&](double t) { m.advance(at(t), {clock(at(t)), milliseconds(50)}, 256); };
        while (!m.advance(at(begin), {clock(at(begin)), milliseconds(50)}, 256)) {
        }
        m.end_batch(at(begin));
        const auto selectors = live_selectors(m, epoch + 2, h.only_timely);
        BOOST_REQUIRE(!selectors.empty());

        std::mt19937 random(1);
        std::vector<bool> in(clients, false);
        std::vector<std::vector<std::uint16_t>> knocks;
        for (std::uint32_t c = 0; c < clients; ++c)
            knocks.push_back(sequence(server.keys.size() - 1, ip(c + 1), epoch, "ssh"));
        std::uint32_t source = 1000;
        std::vector<std::uint16_t> turn;
        double owed = 0;
        for (int b = 0; b < 1800; ++b) {
            const auto t = begin + double(b) / batches_per_second;
            tell(t);
            const auto flood = [&](double share) {
                for (owed += share * rate / batches_per_second; owed >= 1; --owed) {
                    if (turn.empty()) {
                        ++source;
                        for (std::size_t i = 0; i < h.selectors; ++i)
                            turn.push_back(selectors[(source + i) % selectors.size()]);
                        for (std::size_t i = 0; i < h.others; ++i)
                            turn.push_back(static_cast<std::uint16_t>(1024 + random() % 64512));
                    }
                    m.observe(syn(ip(source), 40000, turn.back(), ++tcp_sequence), at(t));
                    turn.pop_back();
                }
            };
            flood(0.5);
            for (std::uint32_t c = 0; c < clients; ++c) {
                const int since = b - 300 - static_cast<int>(c) * 100;
                if (since >= 0 && since % 100 == 0 && since < 500) send(m, ip(c + 1), knocks[c], at(t));
            }
            flood(0.5);
            for (const auto& found : m.end_batch(at(t)))
                for (std::uint32_t c = 0; c < clients; ++c)
                    if (found.who == ip(c + 1)) in[c] = true;
        }
        derivations = m.count().derivations;
        return static_cast<int>(std::ranges::count(in, true));
    }

    std::uint64_t derivations = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(live_selectors_of_one_key_keep_nobody_out, siege) {
    for (const std::size_t selectors : {8u, 10u}) BOOST_TEST(let_in(254'000, {selectors, 0}) == clients);
}

BOOST_FIXTURE_TEST_CASE(what_looks_like_a_first_knock_keeps_nobody_out, siege) {
    BOOST_TEST(let_in(254'000, {1, 15, true}) == clients);
    BOOST_TEST(let_in(254'000, {2, 14, true}) == clients);
    BOOST_TEST(let_in(254'000, {10, 10}) == clients);
}

// Prints a table: --run_test=rates_that_a_first_knock_survives --log_level=message
BOOST_FIXTURE_TEST_CASE(rates_that_a_first_knock_survives, siege, *boost::unit_test::disabled()) {
    for (const auto& [name, h] : {std::pair{"2 timely selectors and 14 others", habit{2, 14, true}},
                                  {"10 selectors", {10, 0}},
                                  {"10 selectors and 6 others", {10, 6}}})
        for (const double rate : {254e3, 1e6, 1.5e6, 2e6, 3e6}) {
            const auto in = let_in(rate, h);
            BOOST_TEST_MESSAGE(name << ", " << rate << " a second: " << in << " of " << clients << " let in, "
                                    << derivations * 5 / 9 << " derivations a second");
        }
}

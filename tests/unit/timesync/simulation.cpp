#include "world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace simulation;

namespace {

// Every mixture of servers, liars, sleep and outage comes with the seed.
options mixture(std::uint64_t seed) {
    options o;
    o.servers = 1 + seed % 7;
    o.liars = seed / 7 % ((o.servers + 1) / 2);
    o.sleeps = seed % 3 == 0;
    o.outage = seed % 4 == 0;
    // Some runs live through the rollover of 2036-02-07 06:28:16.
    if (seed % 5 == 0) o.start = std::chrono::sys_days(std::chrono::year(2036) / 2 / 6) + 12h;
    return o;
}

// What else happens to machines, paths and servers; several at once.
options hard(std::uint64_t seed) {
    std::mt19937_64 draw(seed * 2654435761u + 1);
    const auto one_in = [&](unsigned n) { return draw() % n == 0; };
    auto o = mixture(seed);
    o.sleeps = o.outage = false;
    o.outage = one_in(8);
    o.naps = one_in(3) ? 1 + static_cast<int>(draw() % 4) : 0;
    o.pauses = one_in(4) ? 1 + static_cast<int>(draw() % 3) : 0;
    o.slewed = one_in(2);
    o.steps = one_in(2);
    o.ramps = one_in(2);
    o.reroutes = one_in(2);
    o.replays = one_in(2);
    o.adaptive = one_in(3);
    if (one_in(3)) {
        o.start = std::chrono::sys_days(std::chrono::year(2026) / 5 / 31) + 6h;
        o.leap = one_in(2) ? 1 : -1;
        o.smears = !o.adaptive && one_in(2);
    }
    if (one_in(6)) {
        o.kisses_from = one_in(2) ? -1 : 30000;
        o.kisses_to = o.kisses_from + 1080;
    }
    return o;
}

/// CHRONOKNOCK_SIMULATED_DAYS: the long form.
std::uint64_t days(std::uint64_t usual) {
    const char* const wanted = std::getenv("CHRONOKNOCK_SIMULATED_DAYS");
    return wanted ? std::strtoull(wanted, nullptr, 10) : usual;
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_simulation)

BOOST_AUTO_TEST_CASE(truth_is_always_within_the_bound) {
    constexpr std::uint64_t runs = 1050; // each mixture ten times and more
    std::vector<float> errors;
    std::size_t violations = 0, checks = 0, with_time = 0, queries = 0;
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
        const auto t = run(seed, mixture(seed));
        BOOST_TEST(t.violations == 0u, "seed " << seed << ": " << t.violations << " of " << t.checks
                                               << " checks outside the bound, by up to " << t.worst.count()
                                               << " ns");
        violations += t.violations, checks += t.checks, with_time += t.with_time;
        queries += t.queries;
        // Only a machine left to itself for hours can be off by so much.
        if (const auto o = mixture(seed); !o.sleeps && !o.outage)
            BOOST_TEST(t.steps == 0u, "a step, seed " << seed);
        errors.insert(errors.end(), t.errors.begin(), t.errors.end());
    }
    const auto quantile = [&](double q) {
        const auto at =
            errors.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(errors.size() - 1));
        std::nth_element(errors.begin(), at, errors.end());
        return *at * 1000;
    };
    std::cout << "time simulation: " << runs << " days, " << queries << " queries, " << checks << " checks, "
              << violations << " violations; time known in "
              << 100.0 * static_cast<double>(with_time) / static_cast<double>(checks) << " %; e: median "
              << quantile(0.5) << " ms, 90 % " << quantile(0.9) << " ms, 99 % " << quantile(0.99) << " ms\n";
    // Else it would be no wonder that it is never wrong.
    BOOST_TEST(static_cast<double>(with_time) > 0.95 * static_cast<double>(checks));
    BOOST_TEST(quantile(0.5) < 100);
}

BOOST_AUTO_TEST_CASE(truth_is_within_the_bound_whatever_happens) {
    const auto runs = days(250);
    std::size_t violations = 0, checks = 0, with_time = 0;
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
        const auto o = hard(seed);
        const auto t = run(seed, o);
        BOOST_TEST(t.violations == 0u, "seed " << seed << ": " << t.violations << " of " << t.checks
                                               << " checks outside the bound, by up to " << t.worst.count()
                                               << " ns");
        // One query in 256 s, and some are lost.
        if (o.kisses_to < 1e17 && !o.outage && o.pauses + o.naps == 0 && o.liars == 0)
            BOOST_TEST((t.back_after_kisses >= 0 && t.back_after_kisses < 600),
                       "seed " << seed << ": back " << t.back_after_kisses << " s after the kisses");
        violations += t.violations, checks += t.checks, with_time += t.with_time;
    }
    std::cout << "hard simulation: " << runs << " days, " << checks << " checks, " << violations
              << " violations; time known in "
              << 100.0 * static_cast<double>(with_time) / static_cast<double>(checks) << " %\n";
    BOOST_TEST(static_cast<double>(with_time) > 0.9 * static_cast<double>(checks));
}

// Where paths cost next to nothing, only what is presumed of the oscillator is between the truth and the
// edge: two steps one way within minutes are more than that.
BOOST_AUTO_TEST_CASE(truth_is_within_the_bound_on_a_lan_whatever_the_oscillator_does) {
    const auto runs = days(250);
    std::size_t violations = 0, checks = 0;
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
        options o;
        o.servers = 3 + seed % 5;
        o.liars = seed / 5 % ((o.servers + 1) / 2);
        o.length = 12h;
        o.wan = std::pow(10.0, -5.0 + static_cast<double>(seed % 3)); // 10 us to 1 ms
        o.steps = true;
        o.steps_apart = 1800;
        o.ramps = seed % 2 == 0;
        o.adaptive = seed % 3 == 0;
        o.local = seed % 4 < 2;
        const auto t = run(seed, o);
        BOOST_TEST(t.violations == 0u, "seed " << seed << ": " << t.violations << " of " << t.checks
                                               << " checks outside the bound, by up to " << t.worst.count()
                                               << " ns");
        violations += t.violations, checks += t.checks;
    }
    std::cout << "simulation of LANs: " << runs << " half days, " << checks << " checks, " << violations
              << " violations\n";
}

// Five servers and two of them may lie, but none does. For a comparison: a client that believes each server
// takes the distance of the best.
BOOST_AUTO_TEST_CASE(the_bound_on_usual_paths) {
    for (const double way : {0.00005, 0.005}) {
        std::vector<float> bounds;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            options o;
            o.length = 2h;
            o.wan = way;
            o.quiet = true;
            const auto t = run(seed, o);
            BOOST_TEST(t.violations == 0u);
            bounds.insert(bounds.end(), t.errors.begin() + 1, t.errors.end());
        }
        std::nth_element(bounds.begin(), bounds.begin() + static_cast<std::ptrdiff_t>(bounds.size() / 2),
                         bounds.end());
        std::cout << "one way " << way * 1000 << " ms and as much jitter: median bound "
                  << bounds[bounds.size() / 2] * 1000 << " ms\n";
        BOOST_TEST(bounds[bounds.size() / 2] < 3 * way + 0.003);
    }
}

BOOST_AUTO_TEST_SUITE_END()

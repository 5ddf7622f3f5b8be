#include "world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

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

BOOST_AUTO_TEST_SUITE_END()

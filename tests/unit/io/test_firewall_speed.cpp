#include "firewall_world.hpp"

#include <algorithm>

using namespace firewall_test;

namespace {

double microseconds(nanoseconds d) { return std::chrono::duration<double, std::micro>(d).count(); }

} // namespace

BOOST_FIXTURE_TEST_SUITE(firewall_speed, world, *boost::unit_test::precondition(lab::is_root))

BOOST_AUTO_TEST_CASE(a_hundred_thousand_live_grants_do_not_slow_the_next) {
    auto f = guarded();
    const auto measure = [&](std::uint32_t base, const char* when) {
        std::vector<nanoseconds> took;
        for (std::uint32_t i = 0; i < 1000; ++i) {
            const auto start = io::boot_now();
            std::optional<nanoseconds> done;
            f->apply({make_grant(base + i, "ssh")},
                     [&](const result<void>&) { done = io::boot_now() - start; });
            run_until([&] { return done.has_value(); });
            took.push_back(*done);
            run_until([&] { return context.poll() == 0; });
        }
        std::ranges::sort(took);
        BOOST_TEST_MESSAGE("adding a grant " << when << ": median " << microseconds(took[500]) << " us, p99 "
                                             << microseconds(took[990]) << " us");
        return took[500];
    };
    const auto empty = measure(0, "among none");
    std::vector<change> many;
    for (std::uint32_t i = 0; i < 100000; ++i) many.push_back(make_grant(100000 + i, "ssh", 1h));
    const auto start = io::boot_now();
    BOOST_TEST(try_apply(f, many).has_value());
    BOOST_TEST_MESSAGE("100,000 at once: " << microseconds(io::boot_now() - start) / 1e5 << " us each");
    const auto full = measure(1000, "among 100,000");
    const auto listing = io::boot_now();
    BOOST_TEST(live(f) == 102000u);
    BOOST_TEST_MESSAGE("list of them: " << microseconds(io::boot_now() - listing) << " us");
    const auto again = io::boot_now();
    set_up(f);
    BOOST_TEST_MESSAGE("set up again among them: " << microseconds(io::boot_now() - again) << " us");
    BOOST_TEST((full < 3 * empty));
}

BOOST_AUTO_TEST_SUITE_END()

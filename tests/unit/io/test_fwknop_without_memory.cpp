#include "../method/fwknop_lab.hpp"
#include "failing_new.hpp"

#include <new>

using namespace chronoknock;

/// A packet that cannot be looked at for want of memory does not keep the next ones waiting for ever.
BOOST_FIXTURE_TEST_CASE(packet_that_fails_waits_no_longer, fwknop::lab) {
    key(0);
    const auto first = seal_text(to_text(asking("tcp/22")));
    const auto second = seal_text(to_text(asking("tcp/8000")));
    long n = 0;
    for (bool threw = true; threw;) {
        auto v = make();
        v.end_batch(at(1));
        v.observe(datagram(first), at(1));
        v.observe(datagram(second), at(1));
        std::size_t found = 0;
        threw = false;
        try {
            const failing_new none(++n);
            found = v.end_batch(at(1)).size();
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        found += v.end_batch(at(1.01)).size();
        BOOST_TEST(found == (threw ? 1u : 2u));
        BOOST_TEST(!v.waiting());
    }
    BOOST_TEST(n > 2);
}
